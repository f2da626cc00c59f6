"""Shared ground of the tests that drive real programs.

    dns      messages: build, parse strictly, compare
    client   one query, a transfer, thousands of queries in flight
    compare  two answers: the same or how they differ
    runner   @case, check(), wait_until(), skip(), main()
    data     shared test data (root zone, Ferret), seeds, temporary folders
    servers  zonedeckd, BIND, NSD and Knot: configured, started, always stopped
    zones    made-up zones, from three records to a million
"""
