#!/bin/sh
# no licence: expect 4
echo
