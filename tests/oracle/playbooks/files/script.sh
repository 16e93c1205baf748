#!/bin/sh
for word; do echo "$word"; done
