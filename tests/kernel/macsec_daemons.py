# SPDX-License-Identifier: Apache-2.0
"""The daemons themselves key MACsec interfaces, as a user with two capabilities and no more.

usage: macsec_daemons.py BUILD

Both agents and their hubs are in one network namespace, and so are both ends of the link: what
passes there are the frames of skex's own. To be run in a kernel that has MACsec: see
tools/check-kernel.
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'system'))

import lab_harness  # noqa: E402
from lab_harness import BUILD, Lab, Tap, ask, skex, until  # noqa: E402

tap = Tap()

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs', 'integration',
                    'macsec.md')
NOBODY = 65534
AGENTS = ['agent1', 'agent2']
LINK = ['veth-a', 'veth-b']
DEVICES = ['macsec0', 'macsec1']
# What a unit gives it; and with one missing.
RIGHTS = {'all': '+net_admin,+net_raw', 'no admin': '+net_raw'}


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


class Unprivileged(Lab):
    """A lab whose programs run as nobody, with some capabilities."""

    def __enter__(self):
        self.programs = os.path.join(self.directory, 'programs')
        os.mkdir(self.programs)
        for name in ['skex', 'skexd', 'skex-hub']:
            shutil.copy(os.path.join(BUILD, name), self.programs)
        os.chown(self.directory, NOBODY, NOBODY)
        for name, rights in RIGHTS.items():
            with open(self.script(name), 'w', encoding='ascii') as f:
                f.write('#!/bin/sh\nexec setpriv --reuid=%d --regid=%d --clear-groups '
                        '--inh-caps=%s --ambient-caps=%s --bounding-set=-all,%s %s/skex "$@"\n'
                        % (NOBODY, NOBODY, rights, rights, rights, self.programs))
            os.chmod(self.script(name), 0o755)
        self.rights('all')
        return super().__enter__()

    def script(self, name):
        return os.path.join(self.programs, 'with-' + name.replace(' ', '-'))

    def rights(self, name):
        lab_harness.SKEX = self.script(name)

    def bind(self, end, text):
        """The agent starts with this binding."""
        self.stop(AGENTS[end])
        with open(self.config(AGENTS[end]), encoding='utf-8') as f:
            conf = re.sub(r'\nbindings = .*', '', f.read(), flags=re.S).rstrip('\n')
        with open(self.config(AGENTS[end]), 'w', encoding='utf-8') as f:
            f.write(conf + '\n' + text)
        self.start(AGENTS[end])

    def binding(self, end):
        return ask(self.socket(AGENTS[end]), op='bindings')['bindings'][0]

    def bindings_process(self, agent):
        return int(re.findall(r'process (\d+) serves the bindings', self.log(agent))[-1])


def keys_in(end):
    """The ids of the keys that an interface has to send, and to receive."""
    sends, receives, into = [], [], None
    for line in run('ip', 'macsec', 'show', DEVICES[end]).split('\n'):
        into = sends if 'TXSC' in line else receives if 'RXSC' in line else into
        into.extend(re.findall(r' key (\w+)', line)) if into is not None else None
    return sends, receives


def in_step(lab, other_than=None):
    """Both ends say one key, at rest, and both interfaces have it and no other; its id."""
    def look():
        ends = [lab.binding(end) for end in range(2)]
        key = ends[0]['active_key']
        rest = all(end['state'] == 'idle' and end['problem'] == '' and end['active_key'] == key
                   for end in ends)
        name = [(key or '').replace('-', '')]
        return rest and key not in (None, other_than) and \
            keys_in(0) == keys_in(1) == (name, name) and key
    return until(look, 60, 0.1)


def example(lab, period):
    """What skex says is to be written, with the names of this machine."""
    shown = skex('deliver', 'example', 'macsec-static', '--leads', AGENTS[0], '--follows',
                 AGENTS[1]).out
    once = re.findall(r'^ip link .*', shown, flags=re.M)
    with open(PAGE, encoding='utf-8') as f:
        page = f.read()
    tap.check('what is done once is in the documents as well', len(once) == 2 and
              '```\n%s\n```' % '\n'.join(once) in page, once)
    for end in range(2):
        for line in once:
            run(*line.replace('eth1', LINK[end]).replace('macsec0', DEVICES[end]).split())
    scis = [re.search(r'TXSC: (\w+)', run('ip', 'macsec', 'show', device)).group(1)
            for device in DEVICES]
    for end, text in enumerate(re.findall(r'(bindings = .*?\n\} \);\n)', shown, flags=re.S)):
        text = text.replace('macsec0', DEVICES[end]).replace('2 min', period)
        lab.bind(end, re.sub(r'peer_sci = "\w+"', 'peer_sci = "%s"' % scis[1 - end], text))


def keyed(lab):
    example(lab, '3 s')
    first = in_step(lab)
    tap.check('the example is taken: both interfaces have the key that both agents say', first)
    second = in_step(lab, first)
    tap.check('and then another one', second)
    tap.check('ten of them', until(lambda: lab.binding(0)['rotations'] >= 10, 120))
    tap.equal('of which none failed', [lab.binding(end)['failed'] for end in range(2)], [0, 0])
    for agent in AGENTS:
        with open('/proc/%d/status' % lab.bindings_process(agent), encoding='ascii') as f:
            status = f.read()
        tap.check('%s: its process is confined' % agent, 'Seccomp:\t2' in status and
                  'NoNewPrivs:\t1' in status and 'runs programs' not in lab.log(agent), status)
        tap.check('%s: and has two capabilities' % agent, 'CapEff:\t0000000000003000' in status,
                  status)
    doctor = skex('doctor', '--socket', lab.socket('agent1'))
    tap.check('skex doctor sees it', 'site with agent2: a key' in doctor.out, doctor)


def opened(lab):
    run('ip', 'link', 'set', DEVICES[0], 'type', 'macsec', 'validate', 'check')
    tap.check('what takes frames without protection is unsafe',
              until(lambda: lab.binding(0)['state'] == 'unsafe', 60), lab.binding(0))
    doctor = skex('doctor', '--socket', lab.socket('agent1'))
    tap.check('and skex doctor fails', doctor.code == 11 and
              'what no key protects passes as well' in doctor.out, doctor)
    run('ip', 'link', 'set', DEVICES[0], 'type', 'macsec', 'validate', 'strict')
    tap.check('until it takes none', in_step(lab), lab.binding(0))


def started(lab):
    for end, agent in enumerate(AGENTS):
        before = in_step(lab)
        lab.kill(agent)
        tap.check('%s is killed: its interface keeps a key' % agent, keys_in(end)[0] != [])
        lab.start(agent)
        tap.check('and when it is there again both go on', in_step(lab, before))


def mka(lab):
    """The same with a wpa_supplicant for each of two interfaces at each end."""
    folder = lab.path('wpa')
    os.mkdir(folder)
    os.chown(folder, NOBODY, NOBODY)
    suppliers = []
    for end in range(2):
        run('ip', 'link', 'del', DEVICES[end])
        run('ip', 'link', 'add', 'bond%d' % end, 'type', 'bond', 'mode', 'active-backup', 'miimon',
            '50', 'all_slaves_active', '1')
        run('ip', 'link', 'set', 'bond%d' % end, 'mtu', '1468')
        for slot, name in enumerate('ab'):
            device = 'macsec-%s%d' % (name, end)
            run('ip', 'link', 'add', 'link', LINK[end], device, 'type', 'macsec', 'port',
                str(slot + 1), 'encrypt', 'on')
            run('ip', 'link', 'set', device, 'master', 'bond%d' % end)
            control = os.path.join(folder, device)
            with open(control + '.conf', 'w', encoding='ascii') as f:
                f.write('ctrl_interface=DIR=%s GROUP=%d\neapol_version=3\nap_scan=0\n'
                        % (control, NOBODY))
            suppliers.append(subprocess.Popen(
                ['wpa_supplicant', '-D', 'macsec_linux', '-i', LINK[end], '-c', control + '.conf'],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        run('ip', 'link', 'set', 'bond%d' % end, 'up')
    for end, role in enumerate(['leads', 'follows']):
        of = [os.path.join(folder, 'macsec-%s%d' % (name, end)) for name in 'ab']
        sockets = [os.path.join(path, LINK[end]) for path in of]
        until(lambda s=sockets: all(os.path.exists(path) for path in s))
        lab.bind(end, 'bindings = ({ name = "mka"; peer = "%s"; role = "%s"; period = "20 s"; '
                 'macsec = { sockets = [ "%s", "%s" ]; interfaces = [ "macsec-a%d", "macsec-b%d" ];'
                 ' bond = "bond%d"; folder = "%s"; }; });\n'
                 % (AGENTS[1 - end], role, *sockets, end, end, end, folder))

    def settled(other_than):
        ends = [lab.binding(end) for end in range(2)]
        key = ends[0]['active_key']
        return ends[1]['active_key'] == key not in (None, other_than) and \
            all(end['state'] == 'idle' and end['problem'] == '' for end in ends) and key
    first = until(lambda: settled(None), 120)
    tap.check('MKA: both have a key', first, [lab.binding(end) for end in range(2)])
    tap.check('MKA: and then another one', until(lambda: settled(first), 120),
              [lab.binding(end) for end in range(2)])
    tap.equal('MKA: no round failed', [lab.binding(end)['failed'] for end in range(2)], [0, 0])
    tap.check('MKA: the process is confined', 'runs programs' not in lab.log('agent1'))
    for supplier in suppliers:
        supplier.terminate()
        supplier.wait()


def without_rights(lab):
    lab.stop('agent1')
    lab.rights('no admin')
    lab.start('agent1')
    lab.rights('all')
    tap.check('without CAP_NET_ADMIN it is said', until(
        lambda: 'CAP_NET_ADMIN' in lab.binding(0)['problem'], 60), lab.binding(0))
    lab.stop('agent1')
    lab.start('agent1')
    tap.check('with it both go on', in_step(lab))


def main():
    run('ip', 'link', 'add', LINK[0], 'type', 'veth', 'peer', 'name', LINK[1])
    for device in LINK:
        run('ip', 'link', 'set', device, 'up')
    with Unprivileged() as lab:
        tap.run([lambda: keyed(lab), lambda: opened(lab), lambda: started(lab),
                 lambda: without_rights(lab), lambda: mka(lab)])
    run('ip', 'link', 'del', LINK[0])
    tap.end()


main()
