// SPDX-License-Identifier: GPL-2.0
/* The rules of the network, of power and of software. */
#include "rules.h"

static const struct rule_case network[] = {
	{ "net-route",
	  "warns",
	  "no route",
	  { "{'network': {'device': null}}", NONE, NONE },
	  { "{'network': {'peer': null, 'device': null}}", NONE, NONE } },
	{ "net-slow net-speed",
	  "warns",
	  "if all of it is sent once",
	  { "{'network': {'nics': [{'bit_per_s': 200000000}]}}", NONE, NONE },
	  { "{'network': {'nics': [{'bit_per_s': 0}]}}", NONE, NONE } },
	{ "net-slow",
	  "warns",
	  "if all of it is sent once",
	  { "{'network': {'nics': [{'bit_per_s': 0}], 'probe_bit_per_s': 200000000}}",
	    "{'network': {'nics': [{'bit_per_s': 0}]}}", NONE },
	  { "{'network': {'nics': [{'bit_per_s': 200000000}], 'probe_bit_per_s': 900000000}}", NONE,
	    NONE } },
	{ "net-unreachable",
	  "warns",
	  "no TCP",
	  { "{'network': {'probe_error': 'no TCP'}}", NONE, NONE },
	  { NONE, "{'network': {'probe_error': 'no TCP'}}", NONE } },
	{ "net-below",
	  "warns",
	  "12.0 G",
	  { "{'network': {'probe_bit_per_s': 12000000000}}", NONE, NONE },
	  { "{'network': {'probe_bit_per_s': 13000000000}}", NONE, NONE } },
	{ "net-mtu",
	  "warns",
	  "9000 bytes",
	  { NONE, "{'network': {'nics': [{'mtu': 9000}]}}", NONE },
	  { NONE, "{'network': {'nics': [{'mtu': 0}]}}", NONE } },
	{ "net-mtu",
	  "warns",
	  "1400 on the way",
	  { "{'network': {'path_mtu': 1400}}", NONE, NONE },
	  { "{'network': {'path_mtu': 65535, 'nics': [{'mtu': 65536}]}}",
	    "{'network': {'nics': [{'mtu': 65536}]}}", NONE } },
	{ "net-offload",
	  "warns",
	  "TCP segmentation is off",
	  { "{'network': {'nics': [{'tso': false}]}}", NONE, NONE },
	  { NONE, "{'network': {'nics': [{'tso': false}]}}", NONE } },
	{ "net-offload",
	  "warns",
	  "GRO is off",
	  { NONE, "{'network': {'nics': [{'gro': false}]}}", NONE },
	  { "{'network': {'nics': [{'gro': false}]}}", NONE, NONE } },
	{ "net-speed",
	  "info",
	  "10.0 G",
	  { NONE, "{'network': {'nics': [{'bit_per_s': 10000000000}]}}", NONE },
	  { NONE, "{'network': {'nics': [{'bit_per_s': 0}]}}", NONE } },
	{ "net-queues",
	  "info",
	  "has one queue",
	  { NONE, "{'network': {'nics': [{'queues': 1}]}}", NONE },
	  { NONE, "{'network': {'device': 'eth1', 'nics': [{'queues': 1}]}}", NONE } },
};

static const struct rule_case power[] = {
	{ "power-governor",
	  "warns",
	  "powersave of acpi-cpufreq",
	  { NONE, "{'power': {'governor': 'powersave'}}", NONE },
	  { NONE, "{'power': {'governor': 'powersave', 'driver': 'intel_pstate'}}", NONE } },
	{ "power-governor",
	  "warns",
	  "preference power",
	  { NONE, "{'power': {'preference': 'power'}}", NONE },
	  { NONE, "{'power': {'preference': 'balance_power'}}", NONE } },
	{ "power-idle",
	  "info",
	  "900 us",
	  { NONE, "{'power': {'idle_latency_us': 900}}", NONE },
	  { "{'power': {'idle_latency_us': 2}}", "{'power': {'idle_latency_us': 100}}", NONE } },
	{ "power-turbo",
	  "info",
	  "off",
	  { NONE, "{'power': {'turbo': false}}", NONE },
	  { "{'power': {'turbo': false}}", NONE, NONE } },
	{ "power-clock",
	  "info",
	  "2600 MHz",
	  { NONE, "{'power': {'max_khz': 2600000}}", NONE },
	  { NONE, "{'power': {'max_khz': 2700000}}", NONE } },
	{ "power-throttled",
	  "info",
	  "7 thermal",
	  { NONE, "{'power': {'throttled': 7}}", NONE },
	  { "{'power': {'throttled': 7}}", NONE, NONE } },
};

static const struct rule_case software[] = {
	{ "soft-wire",
	  "blocks",
	  "protocol 3",
	  { NONE, "{'software': {'wire_abi': 3}}", NONE },
	  { NONE, "{'software': {'wire_abi': 0}}", NONE } },
	{ "soft-record",
	  "warns",
	  "old",
	  { NONE, "{'software': {'taken_s': 913000}}", NONE },
	  { NONE, "{'software': {'taken_s': 914000}}", NONE } },
	{ "soft-clock",
	  "warns",
	  "not synchronised",
	  { NONE, "{'software': {'clock_synced': false}}", NONE },
	  { NONE, "{'software': {'clock_synced': null}}", NONE } },
	{ "soft-module",
	  "info",
	  "not loaded",
	  { NONE, "{'software': {'module': false}}", NONE },
	  { "{'software': {'module': false}}", "{'software': {'module': false}}", NONE } },
	{ "soft-tool",
	  "info",
	  "0.2.0",
	  { NONE, "{'software': {'tool': '0.2.0'}}", NONE },
	  { NONE, "{'software': {'tool': null}}", NONE } },
	{ "soft-kernel",
	  "info",
	  "6.12",
	  { NONE, "{'software': {'kernel': '6.12'}}", NONE },
	  { NONE, "{'software': {'kernel': null}}", NONE } },
};

static void network_rules(bool *ok)
{
	try_table(&(struct rule_table)TABLE(network), ok);
}

static void power_rules(bool *ok)
{
	try_table(&(struct rule_table)TABLE(power), ok);
}

static void software_rules(bool *ok)
{
	try_table(&(struct rule_table)TABLE(software), ok);
}

static const struct ktap_case cases[] = {
	{ "rules of the network: each finds what it is for, alone, and not what is nearly so",
	  network_rules },
	{ "rules of power: each finds what it is for, alone, and not what is nearly so",
	  power_rules },
	{ "rules of software: each finds what it is for, alone, and not what is nearly so",
	  software_rules },
};

KTAP_MAIN(cases)
