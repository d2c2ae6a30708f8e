#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each process of the daemons, as it runs, tries what it must not; and what it needs works."""

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import lab_harness
from lab_harness import BUILD, Lab, Tap, alive, ask, free_port, skex, until

tap = Tap()

NOBODY = 65534
REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS}
SIGSYS = 128 + signal.SIGSYS
EXECVE, PTRACE, READ, FORK, API, HANG, BURST = [signal.SIGRTMIN + 1 + i for i in range(7)]
FATAL = {'execve': EXECVE, 'ptrace': PTRACE, 'process_vm_readv': READ, 'fork': FORK}

# What works; all else that the probe tries is refused.
WORKS = {
    'hub': {'memory', 'hub_state', 'hub_write'},
    # It reads what the operator names, and connects to hubs.
    'agent': {'memory', 'agent_state', 'agent_write', 'agent_kek', 'hub_state', 'socket',
              'route', 'connect'},
    'server': {'memory'},
    'KMEs': {'memory', 'socket', 'route', 'connect'},
    'bindings': {'memory', 'binding_write', 'socket', 'route', 'connect'},
    # It keys network interfaces.
    'links': {'memory', 'binding_write', 'socket', 'route', 'generic', 'connect'},
    'added': {'memory', 'binding_write', 'added_write', 'socket', 'route', 'connect'},
}

SKIP = 'skip = { listen = "127.0.0.1:%d"; ca = "%s"; certificate = "%s"; key = "%s"; };\n'
LINK = ('{ name = "link"; peer = "agent2"; role = "leads"; macsec = { mode = "static"; '
        'interface = "macsec0"; peer_sci = "0200000000010001"; }; }')
KME = ('qkd014 = ( { name = "kme"; url = "https://127.0.0.1:%d"; ca = "%s"; certificate = "%s"; '
       'key = "%s"; sae_id = "sae-b"; peers = ( { peer = "agent1"; sae_id = "sae-a"; } ); } );\n')
RUN_TIME = 'binding_folders = [ "%s" ];\nbinding_programs = [ "/bin/true" ];\n'
HOOK = '{ name = "%s"; peer = "%s"; role = "leads"; period = "1 h"; hook = { %s }; }'


class Probed(Lab):
    """A lab whose programs have the probe in them, and run as nobody when we are root."""

    def __enter__(self):
        programs = os.path.join(self.directory, 'programs')
        os.mkdir(programs)
        for name in ['skex', 'skexd', 'skex-hub', 'tests/confine_probe.so']:
            shutil.copy(os.path.join(BUILD, name), programs)
        if os.getuid() == 0:
            os.chown(self.directory, NOBODY, NOBODY)
        self.listener = socket.create_server(('127.0.0.1', 0))
        words = ['exec', 'env', 'LD_PRELOAD=%s/confine_probe.so' % programs, 'PROBE=' + self.dir,
                 'PROBE_PORT=%d' % self.listener.getsockname()[1]]
        if os.getuid() == 0:
            words += ['setpriv', '--reuid=%d' % NOBODY, '--regid=%d' % NOBODY, '--clear-groups']
        script = os.path.join(programs, 'probed')
        with open(script, 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\n%s %s/skex "$@"\n' % (' '.join(words), programs))
        os.chmod(script, 0o755)
        lab_harness.SKEX = script
        return super().__enter__()

    def __exit__(self, *_):
        super().__exit__()
        self.listener.close()

    def configure(self, agent, text):
        self.stop(agent)
        with open(self.config(agent), 'a', encoding='utf-8') as f:
            f.write(text)
        try:
            return self.start(agent)
        except RuntimeError as error:
            raise RuntimeError(self.log(agent)[-2000:]) from error

    def pid(self, name):
        with open(self.path(name, 'pid'), encoding='ascii') as f:
            return int(f.read().split()[0])

    def serves(self, agent, what, other_than=0):
        """The process that serves it, once it has said that it is confined."""
        def look():
            found = re.findall(r'process (\d+) serves ' + what, self.log(agent))
            pid = int(found[-1]) if found else 0
            return pid if pid != other_than and alive(pid) and filters(pid) == 2 else 0
        return until(look)

    def starter(self, agent):
        pid = self.pid(agent)
        with open('/proc/%d/task/%d/children' % (pid, pid), encoding='ascii') as f:
            children = [int(word) for word in f.read().split()]
        served = re.findall(r'process (\d+) serves ', self.log(agent))
        return next(child for child in children if str(child) not in served)

    def probe(self, name, pid, number=signal.SIGUSR1, last='end'):
        """What the process says that it tried: {name: errno}."""
        if pid <= 0:  # which would be all of us
            raise RuntimeError('there is no process to probe')
        pattern = r'^probe %d (\S+) (\d+)$' % pid
        os.kill(pid, number)
        until(lambda: 'probe %d %s ' % (pid, last) in self.log(name) or not alive(pid))
        return {what: int(result)
                for what, result in re.findall(pattern, self.log(name), flags=re.M)}


def status(pid):
    with open('/proc/%d/status' % pid, encoding='ascii', errors='replace') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def mode(pid):
    return status(pid).get('Seccomp'), status(pid).get('NoNewPrivs')


def filters(pid):
    """Of the starter, which are inherited, and its own."""
    return int(status(pid).get('Seccomp_filters', '0'))


def no_core(pid):
    with open('/proc/%d/limits' % pid, encoding='ascii') as f:
        return re.search(r'^Max core file size +0 +0 ', f.read(), flags=re.M) is not None


def undumpable(pid):
    """Files of a process that may not be dumped belong to root, whoever runs it."""
    return os.stat('/proc/%d/environ' % pid).st_uid == 0


def check_process(what, pid):
    tap.equal('%s: seccomp filters, no new privileges' % what, mode(pid), ('2', '1'))
    tap.check('%s: no core file' % what, no_core(pid))
    tap.check('%s: not dumpable' % what, undumpable(pid))


def check_probe(lab, what, name, pid, kind):
    tried = lab.probe(name, pid)
    refused = {one for one, result in tried.items() if result in REFUSED}
    works = {one for one, result in tried.items() if result == 0} - {'end'}
    tap.check('%s: has tried it all' % what, len(tried) == 19, tried)
    tap.equal('%s: what it needs works' % what, works, WORKS[kind])
    tap.equal('%s: and all else is refused' % what, refused, set(tried) - works - {'end'})


def check_fatal(lab, what, name, pid, call):
    lab.probe(name, pid, FATAL[call], call)
    tap.check('%s: is ended for %s' % (what, call), until(lambda: not alive(pid)) and
              'probe %d %s ' % (pid, call) not in lab.log(name))


def no_file_open(pid):
    """Its descriptors: none is a file, but the log that it was started with."""
    names = [os.readlink('/proc/%d/fd/%s' % (pid, fd)) for fd in os.listdir('/proc/%d/fd' % pid)
             if int(fd) > 2]
    return [name for name in names if name.startswith('/') and name != '/dev/null']


def hubs(lab):
    check_process('hub', lab.pid('hub1'))
    check_probe(lab, 'hub', 'hub1', lab.pid('hub1'), 'hub')
    tap.check('hub: serves on', lab.key('agent1', 'agent2', '--purpose', 'app:a').code == 0)
    for call in FATAL:
        check_fatal(lab, 'hub', 'hub3', lab.pid('hub3'), call)
        lab.start('hub3')


def servers(lab):
    for what in ['ETSI 014', 'SKIP']:
        pid = lab.serves('agent1', what)
        check_process(what, pid)
        check_probe(lab, what, 'agent1', pid, 'server')
        tap.equal('%s: no file is open' % what, no_file_open(pid), [])
        tap.check('%s: and runs on' % what, alive(pid))
        for call in ['execve', 'ptrace']:
            check_fatal(lab, what, 'agent1', pid, call)
            tap.check('%s: and the agent says so' % what, until(
                lambda: 'serves %s ended with status %d' % (what, SIGSYS) in lab.log('agent1')))
            pid = lab.serves('agent1', what, pid)
        tap.check('%s: there is another one' % what, pid > 0)


def kmes(lab):
    what = 'KMEs'
    pid = lab.serves('agent2', what)
    check_process(what, pid)
    check_probe(lab, what, 'agent2', pid, 'KMEs')
    tap.equal('%s: no file is open' % what, no_file_open(pid), [])
    for call in ['execve', 'fork']:
        check_fatal(lab, what, 'agent2', pid, call)
        pid = lab.serves('agent2', what, pid)
    tap.check('%s: there is another one' % what, pid > 0)


def bindings(lab):
    what = 'bindings'
    pid = lab.serves('agent1', 'the bindings')
    check_process(what, pid)
    check_probe(lab, what, 'agent1', pid, 'bindings')
    tap.equal('%s: no file is open' % what, no_file_open(pid), [])
    tap.equal('%s: the socket of the agent does not let it in, though it is of its user' % what,
              lab.probe('agent1', pid, API, 'api').get('api'), errno.EACCES)
    check_fatal(lab, what, 'agent1', pid, 'execve')


def leaves(lab):
    """One that ends with connections to the public socket on which the agent has not looked yet:
    they are turned away as those of one that lives are."""
    pid = lab.serves('agent1', 'the bindings')
    os.kill(lab.pid('agent1'), signal.SIGSTOP)
    try:
        tried = lab.probe('agent1', pid, BURST, 'burst')
        gone = until(lambda: not alive(pid))
    finally:
        os.kill(lab.pid('agent1'), signal.SIGCONT)
    tap.check('bindings: one ends with orders of an administrator that nobody saw',
              gone and tried.get('burst') == 0, tried)
    tap.check('bindings: another one goes on', lab.serves('agent1', 'the bindings', pid) > 0)
    peers = [peer['name'] for peer in ask(lab.socket('agent1'), op='peers')['peers']]
    tap.equal('bindings: and none of the orders was obeyed', peers, ['agent2'])


def hangs(lab):
    """A process of bindings that does not come to its next turn is ended, and another goes on."""
    pid = lab.serves('agent1', 'the bindings')
    lab.probe('agent1', pid, HANG, 'hang')
    said = 'serves the bindings ended with status %d' % (128 + signal.SIGALRM)
    tap.check('bindings: a process that hangs is ended', until(
        lambda: not alive(pid) and said in lab.log('agent1'), 120))
    tap.check('bindings: and another one goes on', lab.serves('agent1', 'the bindings', pid) > 0)


def links(lab):
    what = 'bindings of links'
    with open(lab.config('agent1'), encoding='utf-8') as f:
        text = f.read()
    before = lab.serves('agent1', 'the bindings')
    lab.stop('agent1')
    with open(lab.config('agent1'), 'w', encoding='utf-8') as f:
        f.write(text.replace('bindings = (', 'bindings = (%s, ' % LINK))
    lab.start('agent1')
    pid = lab.serves('agent1', 'the bindings', before)
    check_process(what, pid)
    check_probe(lab, what, 'agent1', pid, 'links')
    check_fatal(lab, what, 'agent1', pid, 'execve')
    lab.stop('agent1')
    with open(lab.config('agent1'), 'w', encoding='utf-8') as f:
        f.write(text)
    lab.start('agent1')


def at_run_time(lab):
    """A process that runs other bindings may do what these need, and that before it not."""
    def change(*words, stdin=''):
        before = lab.serves('agent1', 'the bindings')
        done = skex('binding', *words, '--socket', lab.socket('agent1'), stdin=stdin)
        tap.equal('skex binding %s' % ' '.join(words), done.code, 0)
        return lab.serves('agent1', 'the bindings', before)

    def hook(name, members):
        return 'bindings = (%s);\n' % (HOOK % (name, 'agent2', members))

    what = 'bindings, with one that was added'
    pid = change('add', '-', stdin=hook('later', 'file = "%s";' % lab.path('later', 'key')))
    check_process(what, pid)
    check_probe(lab, what, 'agent1', pid, 'added')
    tap.equal('%s: no file is open' % what, no_file_open(pid), [])
    what = 'bindings, with one that runs a program'
    pid = change('add', '-', stdin=hook('runs', 'program = ["/bin/true"];'))
    check_process(what, pid)
    tap.equal('%s: it may start them' % what,
              lab.probe('agent1', pid, FORK, 'fork').get('fork'), 0)
    what = 'bindings, when that is removed'
    pid = change('rm', 'runs')
    check_process(what, pid)
    check_probe(lab, what, 'agent1', pid, 'added')
    what = 'bindings, when the other one is'
    pid = change('rm', 'later')
    check_process(what, pid)
    check_probe(lab, what, 'agent1', pid, 'bindings')
    check_fatal(lab, what, 'agent1', pid, 'fork')


def programs(lab):
    """What starts others, or a hook's program, cannot be kept from that; but from these."""
    pids = {'starter': lab.starter('agent2'), 'with hooks': lab.serves('agent2', 'the bindings')}
    kept = ['/memfd:skexd.conf (deleted)']
    for what, pid in pids.items():
        check_process(what, pid)
        for call in ['ptrace', 'process_vm_readv']:
            tried = lab.probe('agent2', pid, FATAL[call], call)
            tap.equal('%s: no %s' % (what, call), tried.get(call), errno.EPERM)
        tap.equal('%s: no file is open, but the configuration that it gives to others' % what,
                  no_file_open(pid), kept if what == 'starter' else [])
        tap.check('%s: and runs on' % what, alive(pid))


def agents(lab):
    check_process('agent', lab.pid('agent1'))
    check_probe(lab, 'agent', 'agent1', lab.pid('agent1'), 'agent')
    tap.check('agent: gives keys', lab.key('agent1', 'agent2', '--purpose', 'app:b').code == 0)
    for call in FATAL:
        check_fatal(lab, 'agent', 'agent1', lab.pid('agent1'), call)
        lab.start('agent1')
    tap.check('agent: gives keys again', until(
        lambda: lab.key('agent1', 'agent2', '--purpose', 'app:c').code == 0))
    os.kill(lab.starter('agent1'), signal.SIGKILL)
    tap.check('agent: ends when nothing can be started any more', until(
        lambda: not alive(lab.pid('agent1'))))
    tap.check('agent: and says so', 'starts the others ended' in lab.log('agent1'))
    lab.start('agent1')


def commands(lab):
    """A command that reads what others made, while it waits for that."""
    for words in [['pair', 'take', '--in', '-', '--socket', lab.socket('agent1')],
                  ['join', '--token', '-', '--config', lab.config('agent1')],
                  ['cms', 'decrypt', '--socket', lab.socket('agent1')]]:
        what = 'skex ' + ' '.join(words[:2])
        with subprocess.Popen([os.path.join(BUILD, 'skex')] + words, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as command:
            tap.check('%s: is confined' % what, until(
                lambda pid=command.pid: mode(pid) == ('2', '1')), mode(command.pid))
            _, said = command.communicate(b'no such thing\n')
            tap.check('%s: and says what is wrong' % what, command.returncode not in (0, -31) and
                      b'what to do: ' in said, (command.returncode, said))


def main():
    if not lab_harness.is_confined():
        print('1..0 # SKIP the programs of this build are not confined')
        return
    with Probed() as lab:
        for folder in ('keys', 'later'):
            os.mkdir(lab.path(folder))
            os.chmod(lab.path(folder), 0o777)
        tls = [lab.path('tls', name) for name in ['ca.pem', 'kme-agent1.pem', 'kme-agent1.key']]
        lab.configure('agent1', RUN_TIME % lab.path('later') + SKIP % (free_port(), *tls))
        lab.configure('agent1', 'bindings = (%s);\n' % (
            HOOK % ('files', 'agent2', 'file = "%s";' % lab.path('keys', 'key'))))
        lab.configure('agent2', KME % (free_port(), *tls) + 'bindings = (%s);\n' % (
            HOOK % ('runs', 'agent1', 'program = ["/bin/true"];')))
        tap.run([lambda: hubs(lab), lambda: servers(lab), lambda: kmes(lab),
                 lambda: bindings(lab), lambda: leaves(lab), lambda: hangs(lab),
                 lambda: links(lab), lambda: at_run_time(lab), lambda: programs(lab),
                 lambda: agents(lab), lambda: commands(lab)])
    tap.end()


if __name__ == '__main__':
    sys.exit(main())
