#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what tools/bench found as one SVG, with gnuplot.

usage: bench/plot.py BENCH.JSON OUT.SVG

Of each figure the median, with the least and the most as a bar. What is not among the results is
left out; without any of them, or without gnuplot, it says so and exits with 1.
"""

import json
import re
import subprocess
import sys

UNIT = {'B': 1, 'KiB': 1024}


def block_bytes(name):
    """The size in 'keys/64 KiB blocks, secret', or None."""
    match = re.match(r'keys/(?:(one-key)|(\d+) (B|KiB)) blocks(?:, ([^/]*))?$', name)
    if match is None:
        return None
    size = 32 if match.group(1) else int(match.group(2)) * UNIT[match.group(3)]
    return size, match.group(4) or 'keys'


def by_block(results, what):
    found = []
    for one in results:
        block = block_bytes(one['name'])
        if block is not None and block[1] == what:
            found.append((block[0], one))
    return found


def matching(results, pattern):
    """[(the number in the name, result)]."""
    found = []
    for one in results:
        match = re.match(pattern, one['name'])
        if match:
            found.append((int(match.group(1)), one))
    return sorted(found, key=lambda pair: pair[0])


def rows(points):
    return [(at, one['value'], one['min'], one['max']) for at, one in points]


def named(results, pattern, cut):
    """[(label, value, least, most)] of the results whose name fits."""
    return [(re.sub(cut, '', one['name']), one['value'], one['min'], one['max'])
            for one in results if re.match(pattern, one['name'])]


def panels(results):
    """(title, x label, y label, logarithmic, [(line's name, rows)])"""
    yield ('Established secret by block size', 'bytes of a block', 'Gbit/s', True,
           [('five hubs, threshold three', rows(by_block(results, 'secret')))])
    yield ('Processor time by block size', 'bytes of a block', 'ns for a byte', True,
           [('two agents', rows(by_block(results, 'processor time of the agents'))),
            ('five hubs', rows(by_block(results, 'processor time of the hubs')))])
    yield ('Keys for a flush, by block size', 'bytes of a block', 'keys', True,
           [('an agent', rows(by_block(results, 'keys for a flush of an agent'))),
            ('a hub', rows(by_block(results, 'keys for a flush of a hub')))])
    yield ('Processor time by the number of hubs', 'hubs', 'ns for a byte', False,
           [('two agents', rows(matching(
               results, r'keys/(\d+) hubs, .*, processor time of the agents$'))),
            ('all hubs', rows(matching(
                results, r'keys/(\d+) hubs, .*, processor time of the hubs$')))])
    yield ('A share through a hub, by agents enrolled', 'agents', 'instructions', True,
           [('from packet to forgotten record', rows(matching(
               results, r'hub/instructions for a share, (\d+) agents$')))])
    yield ('Memory of a hub', 'agents', 'KiB for an agent', True,
           [('enrolled', rows(matching(
               results, r'hub/memory of an enrolled agent, (\d+) enrolled$'))),
            ('connected', rows(matching(
                results, r'hub/memory of a connected agent, (\d+) connected$')))])
    yield ('Time for a key', None, 'ms', True,
           [('', named(results, r'latency/.*(median|p99|p99\.9)$', r'^latency/'))])
    yield ('Against something else in the same run', None, 'ratio', True,
           [('', [one for one in named(results, r'.* against ', r'^kernel/')
                  if results_unit(results, one[0]) == 'ratio'][:14])])


def results_unit(results, name):
    return next((one['unit'] for one in results
                 if one['name'] in (name, 'kernel/' + name)), '')


def quoted(text):
    return '"' + text.replace('\\', '').replace('"', '') + '"'


def draw(panel, out):
    title, x_label, y_label, logarithmic, lines = panel
    out.append('reset\nset title %s\nset grid\nset ylabel %s' % (quoted(title), quoted(y_label)))
    plots = []
    for number, (name, points) in enumerate(lines):
        if not points:
            continue
        out.append('$d%d << EOD' % number)
        for at, row in enumerate(points):
            label = quoted(str(row[0])) if x_label is None else str(row[0])
            out.append(' '.join([str(at), label] + ['%.9g' % value for value in row[1:]]))
        out.append('EOD')
        x = '2' if x_label is not None else '1'
        plots.append('$d%d using %s:3:4:5%s with yerrorbars pt 7 ps 0.4 lc %d title %s' % (
            number, x, ':xtic(2)' if x_label is None else '', number + 1, quoted(name)))
        if x_label is not None:
            plots.append('$d%d using 2:3 with lines lc %d notitle' % (number, number + 1))
    if x_label is not None:
        out.append('set xlabel %s' % quoted(x_label))
        if logarithmic:
            out.append('set logscale xy')
        else:
            out.append('set yrange [0:*]')
        out.append('set key bottom')
    else:
        out.append('set xtics rotate by 40 right font ",8"\nset offsets 0.5, 0.5, 0, 0'
                   '\nset logscale y\nunset key')
    out.append('plot ' + ', '.join(plots))


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        report = json.load(f)
    drawn = [panel for panel in panels(report['results'])
             if any(points for _, points in panel[4])]
    if not drawn:
        sys.exit('plot: nothing of what is drawn is among the results')
    height = (len(drawn) + 1) // 2
    out = ['set terminal svg size 1200,%d dynamic enhanced font "sans,11" background "white"'
           % (420 * height),
           'set encoding utf8', 'set output %s' % quoted(sys.argv[2]),
           'set multiplot layout %d,2 title %s noenhanced' % (
               height, quoted('%s, %s' % (report['machine'], report['commit'][:12])))]
    for panel in drawn:
        draw(panel, out)
    out.append('unset multiplot')
    try:
        done = subprocess.run(['gnuplot'], input='\n'.join(out) + '\n', text=True, check=False)
    except OSError as error:
        sys.exit('plot: gnuplot: %s; install the package gnuplot-nox' % error.strerror)
    sys.exit(1 if done.returncode else 0)


main()
