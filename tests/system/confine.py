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
from lab_harness import BUILD, Lab, Tap, alive, until

tap = Tap()

NOBODY = 65534
REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS}
SIGSYS = 128 + signal.SIGSYS
EXECVE, PTRACE, READ, FORK = [signal.SIGRTMIN + 1 + i for i in range(4)]
FATAL = {'execve': EXECVE, 'ptrace': PTRACE, 'process_vm_readv': READ, 'fork': FORK}

# What works; all else that the probe tries is refused.
WORKS = {
    'hub': {'memory', 'hub_state', 'hub_write'},
    # It reads what the operator names, and connects to hubs.
    'agent': {'memory', 'agent_state', 'agent_write', 'agent_kek', 'hub_state', 'socket',
              'connect'},
    'server': {'memory'},
    'bindings': {'memory', 'binding_write', 'socket', 'connect'},
}

SKIP = 'skip = { listen = "127.0.0.1:%d"; ca = "%s"; certificate = "%s"; key = "%s"; };\n'
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
    tap.check('%s: has tried it all' % what, len(tried) == 15, tried)
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


def bindings(lab):
    what = 'bindings'
    pid = lab.serves('agent1', 'the bindings')
    check_process(what, pid)
    check_probe(lab, what, 'agent1', pid, 'bindings')
    tap.equal('%s: no file is open' % what, no_file_open(pid), [])
    check_fatal(lab, what, 'agent1', pid, 'execve')


def programs(lab):
    """What starts others, or a hook's program, cannot be kept from that; but from these."""
    pids = {'starter': lab.starter('agent2'), 'with hooks': lab.serves('agent2', 'the bindings')}
    for what, pid in pids.items():
        check_process(what, pid)
        for call in ['ptrace', 'process_vm_readv']:
            tried = lab.probe('agent2', pid, FATAL[call], call)
            tap.equal('%s: no %s' % (what, call), tried.get(call), errno.EPERM)
        tap.equal('%s: no file is open' % what, no_file_open(pid), [])
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


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


def main():
    with Probed() as lab:
        os.mkdir(lab.path('keys'))
        os.chmod(lab.path('keys'), 0o777)
        tls = [lab.path('tls', name) for name in ['ca.pem', 'kme-agent1.pem', 'kme-agent1.key']]
        lab.configure('agent1', SKIP % (free_port(), *tls) + 'bindings = (%s);\n' % (
            HOOK % ('files', 'agent2', 'file = "%s";' % lab.path('keys', 'key'))))
        lab.configure('agent2', 'bindings = (%s);\n' % (
            HOOK % ('runs', 'agent1', 'program = ["/bin/true"];')))
        tap.run([lambda: hubs(lab), lambda: servers(lab), lambda: bindings(lab),
                 lambda: programs(lab), lambda: agents(lab), lambda: commands(lab)])
    tap.end()


if __name__ == '__main__':
    sys.exit(main())
