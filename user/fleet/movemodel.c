// SPDX-License-Identifier: GPL-2.0
#include "movemodel.h"

static double all_memory(const struct km_fleet_vm *vm)
{
	return (double)vm->memory_bytes;
}

static double on_curve(const struct km_fleet_vm *vm, double seconds)
{
	struct km_dirty_point a = { 0, 0 }, b = { 0, 0 };
	double bytes;

	if (!vm->npoints)
		return 0;
	for (unsigned int i = 0; i < vm->npoints; i++) {
		a = b;
		b = vm->dirty[i];
		if (seconds <= b.seconds)
			break;
	}
	bytes = a.bytes + (b.bytes - a.bytes) * (seconds - a.seconds) / (b.seconds - a.seconds);
	return bytes < (double)vm->memory_bytes ? bytes : (double)vm->memory_bytes;
}

const struct km_move_model km_move_model_simple = {
	.setup_s = 1,
	.settle_s = 0.01,
	.margin = 0.5,
	.rounds_max = 16,
	.first = all_memory,
	.dirtied = on_curve,
};

bool km_move_stops(const struct km_move_model *m, const struct km_fleet_vm *vm, unsigned int rounds,
		   double rest_bytes, double rate)
{
	return rounds >= m->rounds_max ||
	       rest_bytes / (rate * m->margin) + m->settle_s <= vm->max_pause_s;
}

struct km_alone km_move_alone(const struct km_move_model *m, const struct km_fleet_vm *vm,
			      double rate)
{
	struct km_alone a = { .seconds = m->setup_s };
	double round = m->first(vm);

	for (unsigned int rounds = 1;; rounds++) {
		a.bytes += round;
		a.seconds += round / rate;
		round = m->dirtied(vm, round / rate);
		if (km_move_stops(m, vm, rounds, round, rate))
			break;
	}
	a.bytes += round;
	a.pause_s = round / rate + m->settle_s;
	a.seconds += a.pause_s;
	return a;
}
