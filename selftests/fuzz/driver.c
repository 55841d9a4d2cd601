// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a fuzz target on damaged seeds, the same ones every time:
 *
 *   TARGET [-n INPUTS] [-s SEED]   default: 20000 inputs from seed 1
 *   TARGET -w DIR                  writes the seeds there, as a corpus
 *   TARGET FILE...                 runs these inputs
 *
 * The input that ends it is left in TARGET.crash, for TARGET FILE.
 */
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <unistd.h>
#include "fuzz.h"

static uint8_t input[FUZZ_MAX];
static size_t input_len;
static char crash_path[4096];
static uint64_t state = 1;

static void keep_input(void)
{
	int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ssize_t n = fd < 0 ? -1 : write(fd, input, input_len);

	fprintf(stderr, n < 0 ? "%s could not be written\n" : "the input is in %s\n", crash_path);
}

static void on_abort(int sig)
{
	keep_input();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* xorshift64*: rand() may differ from one C library to the next. */
static uint64_t next_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static size_t below(size_t n)
{
	return n ? (size_t)(next_random() % n) : 0;
}

static void put_number(void)
{
	static const uint64_t odd[] = { 0,	    1,
					0x7f,	    0x80,
					0xff,	    0xfff,
					0x1000,	    0xffff,
					0x7fffffff, 0x80000000,
					0xffffffff, 0x100000000,
					INT64_MAX,  (uint64_t)INT64_MIN,
					UINT64_MAX };
	uint64_t v = odd[below(sizeof(odd) / sizeof(odd[0]))] + below(3) - 1;
	size_t width = (size_t)1 << below(4), at;
	int big = below(2) == 1;

	if (input_len < width)
		return;
	at = below(input_len - width + 1);
	for (size_t i = 0; i < width; i++)
		input[at + i] = (uint8_t)(v >> 8 * (big ? width - 1 - i : i));
}

/* Takes a range out, or puts a copy of one somewhere else. */
static void move_range(int copy)
{
	size_t from = below(input_len),
	       n = 1 + below(input_len - from < 64 ? input_len - from : 64);
	uint8_t range[64];
	size_t to;

	if (!input_len || n > input_len - from)
		return;
	if (!copy) {
		memmove(input + from, input + from + n, input_len - from - n);
		input_len -= n;
		return;
	}
	if (input_len + n > FUZZ_MAX)
		return;
	memcpy(range, input + from, n);
	to = below(input_len + 1);
	memmove(input + to + n, input + to, input_len - to);
	memcpy(input + to, range, n);
	input_len += n;
}

/* A long run of a byte that is there: names and lists that do not end. */
static void stretch(void)
{
	size_t at = below(input_len), n = (size_t)1 << below(13);

	if (!input_len || input_len + n > FUZZ_MAX)
		return;
	memmove(input + at + n, input + at, input_len - at);
	memset(input + at, input[at + n], n);
	input_len += n;
}

/* The head of this input and the tail of another seed. */
static void join_tail(unsigned int nseeds)
{
	static uint8_t other[FUZZ_MAX];
	size_t len = fuzz_seed((unsigned int)below(nseeds), other);
	size_t head = below(input_len + 1), tail = below(len + 1);

	if (head + tail > FUZZ_MAX)
		return;
	memcpy(input + head, other + len - tail, tail);
	input_len = head + tail;
}

static void damage(unsigned int nseeds)
{
	/* Half of it where formats have their counts. */
	size_t at = below(below(2) || input_len < 64 ? input_len : 64);

	switch (below(11)) {
	case 0:
		join_tail(nseeds);
		return;
	case 1:
		move_range(0);
		return;
	case 2:
		move_range(1);
		return;
	case 3:
		if (!below(4))
			input_len = below(input_len + 1);
		return;
	case 4:
	case 5:
		put_number();
		return;
	case 6:
		stretch();
		return;
	case 7:
		if (input_len)
			input[at] = (uint8_t)(input[at] + below(17) - 8);
		return;
	case 8:
		if (input_len)
			input[at] = (uint8_t)next_random();
		return;
	default:
		if (input_len)
			input[at] ^= (uint8_t)(1u << below(8));
	}
}

/* In a block of exactly its size, so that ASan sees a byte too far. */
static void run_input(void)
{
	uint8_t *copy = malloc(input_len ? input_len : 1);

	if (!copy)
		abort();
	memcpy(copy, input, input_len);
	LLVMFuzzerTestOneInput(copy, input_len);
	free(copy);
}

static unsigned int count_seeds(void)
{
	unsigned int n = 0;

	while (fuzz_seed(n, input))
		n++;
	return n;
}

static int run_seeds(unsigned long inputs)
{
	unsigned int nseeds = count_seeds();

	for (unsigned int i = 0; i < nseeds; i++) {
		unsigned long before = fuzz_accepted;

		input_len = fuzz_seed(i, input);
		run_input();
		if (fuzz_accepted == before) {
			fprintf(stderr, "seed %u is not accepted\n", i);
			return 1;
		}
	}
	fuzz_accepted = 0;
	for (unsigned long n = 0; n < inputs; n++) {
		input_len = fuzz_seed((unsigned int)below(nseeds), input);
		for (size_t k = below(6); k < 6; k++)
			damage(nseeds);
		run_input();
	}
	printf("%lu inputs, %lu accepted\n", inputs, fuzz_accepted);
	return !inputs || (fuzz_accepted && fuzz_accepted < inputs) ? 0 : 1;
}

static int write_seeds(const char *dir)
{
	char path[4096];

	for (unsigned int i = 0; (input_len = fuzz_seed(i, input)); i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/seed%u", dir, i);
		f = fopen(path, "w");
		if (!f || fwrite(input, 1, input_len, f) != input_len || fclose(f))
			return perror(path), 1;
	}
	return 0;
}

static int run_file(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		return perror(path), 1;
	input_len = fread(input, 1, sizeof(input), f);
	fclose(f);
	run_input();
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long inputs = 20000;
	int opt, rc = 0;

	snprintf(crash_path, sizeof(crash_path), "%s.crash", argv[0]);
	signal(SIGABRT, on_abort);
	__sanitizer_set_death_callback(keep_input);
	while ((opt = getopt(argc, argv, "n:s:w:")) != -1) {
		switch (opt) {
		case 'n':
			inputs = strtoul(optarg, NULL, 10);
			break;
		case 's':
			state = strtoull(optarg, NULL, 10) | 1ull << 63; /* never 0 */
			break;
		case 'w':
			return write_seeds(optarg);
		default:
			return 2;
		}
	}
	if (optind == argc)
		return run_seeds(inputs);
	for (; optind < argc && !rc; optind++)
		rc = run_file(argv[optind]);
	return rc;
}
