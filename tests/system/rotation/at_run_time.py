#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bindings are added to real agents and removed from them, while another one keys a tunnel.

usage: at_run_time.py BUILD
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))

from lab_harness import BUILD, Lab, alive, ask, skex, until  # noqa: E402
from rotation_harness import main, ok  # noqa: E402
from wireguard_tunnel import INTERFACES, Tunnel  # noqa: E402

AGENTS = ['agent1', 'agent2']
ROLES = ['leads', 'follows']
NOBODY = 65534

SITE = '''metrics = "127.0.0.1:%d";
binding_folders = [ "%s" ];
bindings = ({ name = "site"; peer = "%s"; role = "%s"; period = "5 s";
    wireguard = { interface = "%s"; public_key = "%s"; }; });
'''
HOOK = ('bindings = ({ name = "%s"; peer = "%s"; role = "%s"; period = "%s"; expired = "%s";\n'
        '    hook = { file = "%s"; format = "id-hex"; }; });\n')


class Two:
    """Two agents with a tunnel between them, and the files that others of their bindings key."""

    def __init__(self, lab, tunnel):
        self.lab = lab
        self.tunnel = tunnel

    def file(self, name, end):
        return '%s/%s%d' % (self.tunnel.folder, name, end)

    def held(self, name, end):
        """The id of the key in the file of an end and its bytes, or nothing."""
        try:
            with open(self.file(name, end), encoding='ascii') as f:
                return f.read()
        except OSError:
            return ''

    def text(self, name, end, period='1 h', expired='close', file=None, peer=None):
        return HOOK % (name, peer or AGENTS[1 - end], ROLES[end], period, expired,
                       self.file(file or name, end))

    def skex(self, end, *words, stdin=''):
        return skex(*words, '--socket', self.lab.socket(AGENTS[end]), stdin=stdin)

    def add(self, name, **options):
        """At both ends; gives the exit codes."""
        return [self.skex(end, 'binding', 'add', '-', stdin=self.text(name, end, **options)).code
                for end in range(2)]

    def remove(self, name, *words):
        return [self.skex(end, 'binding', 'rm', name, *words) for end in range(2)]

    def shown(self, end, name):
        return next((one for one in ask(self.lab.socket(AGENTS[end]), op='bindings')['bindings']
                     if one['binding'] == name), {})

    def keyed(self, name, other_than=None):
        """Both ends say the same key and have it in their files; gives its id."""
        ids = [self.shown(end, name).get('active_key') for end in range(2)]
        return ids[0] == ids[1] not in (None, other_than) and \
            self.held(name, 0) == self.held(name, 1) and \
            self.held(name, 0).startswith(ids[0] + ':') and ids[0]

    def in_step(self, name, other_than=None):
        return until(lambda: self.keyed(name, other_than), pause=0.2)

    def names(self, end):
        return [one['binding'] for one in ask(self.lab.socket(AGENTS[end]),
                                              op='bindings')['bindings']]

    def process(self, end):
        """The process that runs the bindings of an end; 0: none was started."""
        found = re.findall(r'process (\d+) serves the bindings', self.lab.log(AGENTS[end]))
        return int(found[-1]) if found else 0

    def tunnel_keyed(self):
        ends = [self.shown(end, 'site') for end in range(2)]
        return ends[0].get('active_key') == ends[1].get('active_key') is not None and \
            all(end['state'] == 'idle' for end in ends)


def under_traffic(two):
    """What the tunnel does while bindings come and go beside it."""
    lost = []
    pinging = threading.Thread(target=lambda: lost.append(two.tunnel.ping(900)))
    before = two.shown(0, 'site')['active_key']
    pinging.start()
    ok(two.add('files') == [0, 0], 'a binding is added at both ends')
    first = two.in_step('files')
    ok(first, 'and keys their files')
    ok(two.skex(0, 'binding', 'rotate', 'files').code == 0 and two.in_step('files', first),
       'it is rotated by order')
    processes = [two.process(end) for end in range(2)]
    ok(two.add('more', period='2 s') == [0, 0] and two.in_step('more'), 'so is another one')
    second = two.in_step('more')
    ok(two.in_step('more', second), 'which rotates by itself')
    ok([one.code for one in two.remove('more')] == [0, 0] and
       two.held('more', 0) == two.held('more', 1) == '', 'it is removed, and its files are gone')
    ok([two.process(end) for end in range(2)] == processes,
       'as it needed nothing more than the first one, the same process ran it')
    pinging.join()
    ok(lost == [0], 'no packet at 50 ms is lost meanwhile by the tunnel of the first')
    ok(until(two.tunnel_keyed) and two.shown(0, 'site')['active_key'] != before,
       'whose keys went on')
    ok(two.in_step('files'), 'the one that stayed is in step')


def shown(two, port):
    """Those that were added are seen wherever configured ones are."""
    listed = two.skex(0, 'binding', 'ls')
    ok('files' in listed.out and 'site' in listed.out and 'more' not in listed.out,
       'skex binding ls shows it')
    ok([two.shown(0, name)['configured'] for name in ('site', 'files')] == [True, False],
       'and whether it is configured')
    ok(re.search(r'^files +hook +agent2 ', two.skex(0, 'status').out, re.M), 'so does skex status')
    ok('files with agent2: a key' in two.skex(0, 'doctor').out, 'and skex doctor')
    with urllib.request.urlopen('http://127.0.0.1:%d/metrics' % port) as answer:
        text = answer.read().decode()
    ok('skexd_binding_served{binding="files",consumer="hook",peer="agent2"} 1' in text,
       'and the metrics')


def refused(two):
    """What cannot be is said in words, and changes nothing."""
    def add(text, end=0):
        return two.skex(end, 'binding', 'add', '-', stdin=text)

    process = two.process(0)
    names = two.names(0)
    cases = (
        ('a peer that is not known', two.text('x', 0, peer='agent9'), 6, 'no peer of this agent'),
        ('another binding with its name', two.text('files', 0, period='2 h'), 1,
         'another binding with the name files'),
        ('a name of the configuration', two.text('site', 0), 1,
         'binding site is in the configuration: line'),
        ('a consumer that has a binding', two.text('x', 0, file='files'), 1,
         'what binding files keys already'),
        ('a file elsewhere', two.text('x', 0).replace(two.file('x', 0), '/etc/x'), 6,
         '/etc/x is in no folder of binding_folders'),
        ('a program', two.text('x', 0).replace('hook = {', 'hook = { program = ["/bin/true"];'), 6,
         '/bin/true is none of binding_programs'),
        ('itself as peer', two.text('x', 0, peer='agent1'), 1, 'is this agent itself'),
        ('a setting that is none', two.text('x', 0).replace('period', 'perod'), 1,
         'standard input:1: bindings[0].perod: unknown setting; did you mean period?'),
        ('no bindings at all', 'name = "x";\n', 1, 'unknown setting'),
        ('nothing', '\n', 1, 'bindings: is missing'),
        ('what its adapter does not take',
         'bindings = ({ name = "x"; peer = "agent2"; role = "leads"; ikev2 = { connection = "c"; '
         'settings = [ "ppk_required = no" ]; }; });', 1, 'binding x: '),
    )
    for what, text, code, said in cases:
        answer = add(text)
        ok(answer.code == code and said in answer.err and 'what to do: ' in answer.err,
           '%s is refused: %s' % (what, answer.err.split('\n')[0]))
    missing = two.skex(0, 'binding', 'add', '/no/such/file')
    ok(missing.code == 5 and '/no/such/file: No such file' in missing.err,
       'so is a file that is not there')
    gone = two.skex(0, 'binding', 'rm', 'x')
    ok(gone.code == 6 and 'skex binding ls' in gone.err, 'one that is not there is not removed')
    stays = two.skex(0, 'binding', 'rm', 'site')
    ok(stays.code == 1 and two.lab.config('agent1') in stays.err and 'line ' in stays.err,
       'nor is a configured one: %s' % stays.err.split('\n')[0])
    ok(two.names(0) == names and two.process(0) == process, 'all of that changed nothing')
    if os.getuid() == 0:
        def other(*words):
            return subprocess.run(
                ['setpriv', '--reuid=%d' % NOBODY, '--regid=%d' % NOBODY, '--clear-groups',
                 two.file('skex', 0), *words, '--socket', two.lab.socket('agent1')],
                input=two.text('x', 0), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                check=False)

        os.chmod(two.tunnel.folder, 0o755)
        shutil.copy(os.path.join(BUILD, 'skex'), two.file('skex', 0))
        os.chmod(two.lab.directory, 0o755)
        for path, mode in ((two.lab.dir, 0o755), (two.lab.path('agent1'), 0o755),
                           (two.lab.socket('agent1'), 0o666)):
            os.chmod(path, mode)
        ok(other('binding', 'ls').returncode == 0 and
           [other(*words).returncode for words in
            (('binding', 'add', '-'), ('binding', 'rm', 'files'))] == [6, 6] and
           two.names(0) == names, 'who is no administrator may look, and change nothing')


def another_goes_on(two):
    """What needs other rights is run by another process, with the same keys."""
    link = ('bindings = ({ name = "link"; peer = "agent2"; role = "leads"; macsec = { mode = '
            '"static"; interface = "none0"; peer_sci = "525400fffe000001"; }; });')
    key = two.in_step('files')
    for what, words, text in (('added', ('add', '-'), link), ('removed', ('rm', 'link'), '')):
        process = two.process(0)
        good = two.skex(0, 'binding', *words, stdin=text).code == 0
        ok(good and until(lambda: two.process(0) != process) and
           until(lambda: two.shown(0, 'files').get('state') == 'idle') and
           two.in_step('files') == key,
           'what needs other rights is %s: another process goes on with the same key' % what)


def again(two):
    """The same once more changes nothing; the process goes on."""
    process, key = two.process(0), two.in_step('files')
    ok(two.add('files') == [0, 0] and two.names(0).count('files') == 1 and
       two.in_step('files') == key and two.process(0) == process,
       'a binding that is there can be added again, which changes nothing')


def restarted(two):
    for end, agent in enumerate(AGENTS):
        key = two.in_step('files')
        two.lab.kill(agent)
        ok(two.held('files', end).startswith(key), '%s is killed: its file keeps the key' % agent)
        two.lab.start(agent)
        ok(two.in_step('files') and two.shown(end, 'files')['configured'] is False,
           'and the binding is there again, in step')
    process = two.process(0)
    os.kill(process, signal.SIGKILL)
    until(lambda: not alive(process))
    ok(until(lambda: two.process(0) != process) and two.in_step('files'),
       'the same when only the process that runs it is killed')
    ok(until(two.tunnel_keyed) and two.tunnel.ping(20) == 0, 'the tunnel goes on')


def removed(two):
    ok([one.code for one in two.remove('files')] == [0, 0], 'it is removed')
    ok(two.names(0) == two.names(1) == ['site'] and
       two.held('files', 0) == two.held('files', 1) == '', 'and its files are gone')
    for agent in AGENTS:
        two.lab.kill(agent)
        two.lab.start(agent)
    ok(two.names(0) == two.names(1) == ['site'], 'after a crash as well')
    ok(two.add('files') == [0, 0] and two.in_step('files'), 'added again it has keys again')
    key = two.in_step('files')
    ok([one.code for one in two.remove('files', '--leave')] == [0, 0] and
       two.held('files', 0) == two.held('files', 1) != '' and
       two.held('files', 0).startswith(key), 'with --leave its files keep the last key')
    ok(two.add('open', expired='open') == [0, 0] and two.in_step('open'),
       'one that stays open is added')
    ok([one.code for one in two.remove('open')] == [0, 0] and
       two.held('open', 0) == two.held('open', 1) != '', 'and keeps its key when it is removed')


def edited(two):
    """What the configuration file says by now counts at the next start of the agent."""
    with open(two.lab.config('agent1'), encoding='utf-8') as f:
        kept = f.read()
    with open(two.lab.config('agent1'), 'w', encoding='utf-8') as f:
        f.write('this is being edited')
    ok(two.add('edited') == [0, 0] and two.in_step('edited'),
       'while the configuration is edited the agent goes by the one that it read')
    with open(two.lab.config('agent1'), 'w', encoding='utf-8') as f:
        f.write(kept)
    ok([one.code for one in two.remove('edited')] == [0, 0], 'and when it is done as well')


def consumer_away(two):
    """Its consumer cannot be told: that is said."""
    ok(two.add('files') == [0, 0] and two.in_step('files'), 'it is there again')
    os.unlink(two.file('files', 0))
    os.mkdir(two.file('files', 0))
    gone = two.skex(0, 'binding', 'rm', 'files')
    ok(gone.code == 0 and 'its consumer keeps what it has' in gone.err and
       'files' not in two.names(0), 'it is removed, and its consumer could not be told: %s'
       % gone.err.split('\n')[0])
    os.rmdir(two.file('files', 0))
    two.skex(1, 'binding', 'rm', 'files')
    ok(two.add('files') == [0, 0] and two.in_step('files'), 'it is there again')
    os.kill(two.process(0), signal.SIGSTOP)
    with subprocess.Popen([os.path.join(BUILD, 'skex'), 'binding', 'rm', 'files', '--socket',
                           two.lab.socket('agent1')], stderr=subprocess.PIPE, text=True) as waits:
        ok(until(lambda: 'busy' in str(ask(two.lab.socket('agent1'), op='binding_add',
                                           text=two.text('files', 0)))),
           'a removal waits for the process')
        os.kill(two.process(0), signal.SIGKILL)
        said = waits.communicate()[1]
    ok(waits.returncode == 2 and '--leave' in said and 'files' in two.names(0),
       'and is given up when that ends: %s' % said.split('\n')[0])
    ok(two.in_step('files'), 'the next one goes on with it')


def many(two):
    """All of a file, or none; and many orders cost no start, or one for what was left of them."""
    def of(numbers, more=''):
        return 'bindings = (%s%s);' % (', '.join(
            '{ name = "m%02d"; peer = "agent2"; role = "leads"; hook = { file = "%s"; }; }'
            % (n, two.file('m%02d-' % n, 0)) for n in numbers), more)

    started = len(re.findall('serves the bindings', two.lab.log('agent1')))
    ok(two.skex(0, 'binding', 'add', '-', stdin=of(range(40))).code == 0 and
       len([name for name in two.names(0) if name.startswith('m')]) == 40,
       'forty are added at once')
    bad = two.skex(0, 'binding', 'add', '-', stdin=of(
        range(40, 42), ', { name = "m99"; peer = "agent9"; role = "leads"; hook = { file = "/x"; };'
        ' }'))
    ok(bad.code == 6 and 'm40' not in two.names(0), 'or none, when one of them cannot be')
    ok(all(two.skex(0, 'binding', 'rm', 'm%02d' % n, '--leave').code in (0, 2)
           for n in range(20)), 'they are removed one by one')
    ok(until(lambda: two.shown(0, 'site').get('state') == 'idle'), 'the process runs')
    starts = len(re.findall('serves the bindings', two.lab.log('agent1'))) - started
    ok(starts <= 1, 'for which it was started anew %d times' % starts)


def test(folder):
    with Tunnel(folder) as tunnel, Lab() as lab:
        ports = [39000 + os.getpid() % 1000 + end for end in range(2)]
        two = Two(lab, tunnel)
        for end, agent in enumerate(AGENTS):
            lab.stop(agent)
            with open(lab.config(agent), 'a', encoding='utf-8') as f:
                f.write(SITE % (ports[end], folder, AGENTS[1 - end], ROLES[end], INTERFACES[end],
                                tunnel.public[1 - end]))
            lab.start(agent)
        ok(until(two.tunnel_keyed) and tunnel.ping(20) == 0, 'a tunnel is keyed')
        under_traffic(two)
        shown(two, ports[0])
        refused(two)
        another_goes_on(two)
        again(two)
        restarted(two)
        removed(two)
        edited(two)
        consumer_away(two)
        many(two)


main('at-run-time', test)
