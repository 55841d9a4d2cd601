/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The plain data that travel from the command line through a move to the
 * report.  No functions but initialisers, no pointers to live things: what is
 * here can be printed, written as JSON and read back.
 *
 * Units are in the names.  Strings are owned by the structure that holds them.
 */
#ifndef KM_MODEL_H
#define KM_MODEL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define KM_PAGE_SHIFT  12
#define KM_PAGE_SIZE   (1u << KM_PAGE_SHIFT)
#define KM_NAME_MAX    128
#define KM_BLOCKS_MAX  128 /* RAMBlocks of one guest; QEMU has about 10 on x86 */
#define KM_STREAMS_MAX 16
#define KM_PATHS_MAX   8
#define KM_ADDRESS_MAX 256
#define KM_ERR_MAX     512

/* Exit codes of the command; kmigrate(8) documents them. */
enum km_exit {
	KM_EXIT_OK = 0,
	KM_EXIT_FAILED = 1,	 /* the move failed; the guest runs at the source */
	KM_EXIT_USAGE = 2,	 /* wrong arguments; nothing was touched */
	KM_EXIT_REFUSED = 3,	 /* this guest or these hosts can't do it; nothing was touched */
	KM_EXIT_DOUBT = 4,	 /* GO was sent and its answer lost: look at both ends */
	KM_EXIT_LOST = 5,	 /* the guest runs at neither end */
	KM_EXIT_WARNS = 6,	 /* check: nothing blocks the move, but there are warnings */
	KM_EXIT_CANCELLED = 130, /* SIGINT or SIGTERM; the guest runs at the source */
};

/* A negative errno with a sentence about what failed, where, and what to do. */
struct km_err {
	int code;	       /* negative errno, 0 = none */
	char text[KM_ERR_MAX]; /* one line, no newline, no program name */
};

/* Fills *err (which may be NULL) and returns code, so that a caller can say
 * `return km_err_set(err, -EPROTO, ...)`.  Control characters in what is
 * formatted (QEMU's or the peer's words) come out as '?': the text is safe to
 * print on a terminal. */
int km_err_set(struct km_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* One guest of this host, as /proc and QMP show it. */
enum km_accel { KM_ACCEL_UNKNOWN, KM_ACCEL_KVM, KM_ACCEL_TCG };
enum km_backing { KM_BACKING_UNKNOWN, KM_BACKING_ANON, KM_BACKING_SHARED, KM_BACKING_PRIVATE_FILE };

struct km_vm {
	pid_t pid;
	char name[KM_NAME_MAX];	   /* -name, else "pid-N" */
	char exe[PATH_MAX];	   /* /proc/PID/exe */
	char qmp[PATH_MAX];	   /* unix socket of the QMP monitor, "" when there is none */
	char uuid[40];		   /* query-uuid, "" when unknown */
	char machine[KM_NAME_MAX]; /* versioned machine type, "" when unknown */
	char qemu_version[32];	   /* "7.2.22", "" when unknown */
	char state[32];		   /* QMP run state, "" when unknown */
	enum km_accel accel;
	enum km_backing backing; /* of the largest RAM mapping */
	unsigned int vcpus;
	uint64_t ram_bytes;
	char unmovable[KM_ERR_MAX]; /* "" = can be moved, else why not */
};

/* One RAMBlock (QEMU's idstr), and where its bytes are in the VMM. */
struct km_block {
	char name[256];
	uint64_t used_bytes; /* used_length: what migrates */
	uint64_t hva;	     /* in the VMM's address space, 0 = unknown */
	uint64_t gpa;	     /* of offset 0, UINT64_MAX = unknown or not mapped as one */
	enum km_backing backing;
	char map_path[64];   /* /proc/PID/map_files/... or fd path to mmap, "" = none */
	uint64_t map_offset; /* file offset of the block's first byte */
};

struct km_blocks {
	unsigned int n;
	struct km_block b[KM_BLOCKS_MAX];
};

/* What kmigrate.ko had to say; all zero without the module. */
struct km_module_facts {
	bool present;
	char mechanism[32];	     /* pml, write-protect, dirty-ring, none */
	char why_absent[KM_ERR_MAX]; /* which abilities are off, and why */
	uint64_t dirtied_pages;	     /* counted while the VMM logged */
	unsigned int vcpus;
	uint64_t dirtied_by_vcpu[256];
	pid_t tid_by_vcpu[256]; /* the thread that ran it last, 0 = none or not known */
	double dirtied_pages_per_s;
};

/* What became of a guest's writable disks (disk/disk.h). */
#define KM_DISKS_MAX 32
enum km_disk_how {
	KM_DISK_SHARED,	   /* both ends see the same one */
	KM_DISK_MIRRORED,  /* copied (--storage mirror) */
	KM_DISK_REWRITTEN, /* firmware's variables: QEMU writes them at the destination anew */
};
struct km_disk_facts {
	char id[KM_NAME_MAX];
	char path[PATH_MAX], path_there[PATH_MAX];
	char format[16];
	enum km_disk_how how;
	uint64_t bytes; /* the guest's view of it */
	uint64_t allocated_bytes, allocated_there_bytes;
	/* of the mirror: all that it has to copy so far, and has copied; on the wire */
	uint64_t total_bytes, done_bytes, wire_bytes;
	double ms; /* until it was in sync */
};
struct km_disks_facts {
	bool asserted; /* --storage shared: nobody has looked */
	bool copying;  /* not all mirrors are in sync yet */
	double ms;     /* until all were */
	unsigned int n;
	struct km_disk_facts d[KM_DISKS_MAX];
};

/* What a guest dirties: `kmigrate dirty` and `kmigrate top`. */
#define KM_DIRTY_WINDOWS 5
#define KM_DIRTY_REGIONS 10
#define KM_DIRTY_VCPUS	 256

struct km_dirty_window {
	uint32_t ms;
	uint64_t unique_pages; /* the working set at this time scale */
	bool has_rate;
	double pages_per_s;
};

struct km_dirty_region {
	uint64_t gfn, npages;
	uint32_t pages_1s, pages_10s, pages_60s; /* dirtied within the last ... */
};

struct km_dirty {
	char vm_name[KM_NAME_MAX];
	pid_t vm_pid;
	uint64_t ram_bytes;
	char source[16];	   /* kmigrate.ko or qemu */
	char why_qemu[KM_ERR_MAX]; /* "" unless it is */
	char mechanism[32];
	char state[16];	  /* driven, observed, gave-way, failed */
	bool vmm_logs;	  /* at the end */
	double tracked_s; /* since then: no window reaches further back */
	double seconds;	  /* that pages are of */
	uint64_t pages;	  /* dirtied in that time; one that is written again in between
				harvests counts once */
	double pages_per_s;
	unsigned int vcpus;
	uint64_t pages_by_vcpu[KM_DIRTY_VCPUS];
	uint64_t pages_by_none; /* KVM's own writes */
	bool has_pml;		/* else the three that follow say nothing */
	uint64_t pml_pages;	/* the part of @pages that was in Intel's log */
	uint64_t pml_drains;	/* exits that found pages in it */
	uint64_t pml_full;	/* exits because it was full */
	unsigned int windows;
	struct km_dirty_window window[KM_DIRTY_WINDOWS];
	unsigned int regions; /* the hottest, most pages first */
	struct km_dirty_region region[KM_DIRTY_REGIONS];
	/* What it cost. */
	uint32_t interval_ms;
	uint32_t harvests, overruns;
	double harvest_ms;     /* of all */
	uint64_t tables_bytes; /* kernel memory */
	uint64_t missed_pages; /* in slots that were too new to have a table */
};

/* The counters of a move; one writer, snapshots for the progress line. */
struct km_counters {
	uint64_t listed_pages; /* page names QEMU handed over, repeats counted */
	uint64_t merged_pages; /* listed again while still waiting: sent once */
	uint64_t sent_pages;   /* records sent: zero + raw + packed + delta */
	uint64_t zero_pages;
	uint64_t raw_pages;
	uint64_t packed_pages; /* compressed with others of their message */
	uint64_t packed_bytes; /* what they were on the wire */
	uint64_t delta_pages;  /* sent as what had changed since they were last sent */
	uint64_t delta_bytes;
	uint64_t codec_ms;	/* CPU time for both, of all streams */
	uint64_t same_pages;	/* not sent: the destination held that content */
	uint64_t later_pages;	/* not sent: changed since QEMU listed them, so listed again */
	uint64_t payload_bytes; /* page content on the wire, in whatever form */
	uint64_t disk_bytes;	/* on the wire, of mirrored disks */
	uint64_t wire_bytes;	/* everything written to the sockets */
	uint64_t resent_pages;	/* of the sent: a broken link may have lost them */
	uint64_t acked_pages;	/* applied at the destination */
	uint64_t backlog_pages; /* listed, not applied */
	uint64_t rounds;	/* QEMU's dirty bitmap syncs */
	uint64_t qemu_remaining_bytes;
	uint64_t dirty_pages_per_s; /* QEMU's estimate of the last round */
	uint64_t goodput_bytes_per_s;
	uint64_t device_bytes; /* main channel bytes forwarded */
};

enum km_phase {
	KM_PHASE_SETUP,	     /* both ends prepared, nothing sent */
	KM_PHASE_PRECOPY,    /* the guest runs, pages flow */
	KM_PHASE_SWITCHOVER, /* the guest is stopped, the last pages and devices flow */
	KM_PHASE_COMMIT,     /* everything is loaded; GO is sent and not answered */
	KM_PHASE_DONE,
};

enum km_outcome {
	KM_OUT_UNKNOWN,
	KM_OUT_MOVED,  /* runs (or is paused, as before) at the destination */
	KM_OUT_STAYED, /* runs at the source */
	KM_OUT_DOUBT,
	KM_OUT_LOST,
};

/* What was held of CPUs while a guest moved (kmigrate.ko), at this end. */
struct km_held {
	bool wanted, on;
	char why_not[KM_ERR_MAX]; /* it was wanted and is not on */
	char cpus[256];		  /* the kernel's list format */
	uint32_t floor_khz;	  /* UINT32_MAX: each policy's highest; 0: none */
	uint32_t latency_us, shortfall;
	unsigned int policies; /* cpufreq's, that were held */
	char governor_before[32];
	uint32_t min_khz_before, max_khz_before; /* the lowest, the highest of them */
	uint32_t reached_khz; /* by the slowest CPU when the guest had gone, 0 = can't be read */
	unsigned int fought;  /* times that somebody else's change was put right */
	uint64_t throttled;   /* the CPUs' thermal events meanwhile */
};

/* How: the command's --no-hold, --floor, --latency-us. */
struct km_hold_wish {
	bool off;
	uint32_t floor_khz, latency_us;
};

/* What ran where while a guest moved (xfer/placing.h), at this end. */
struct km_placed {
	bool wanted, on;
	char why_not[KM_ERR_MAX];  /* something is not where it should be */
	char own[256], qemu[256];  /* the kernel's list format */
	unsigned int qemu_threads; /* of QEMU's migration, that were placed */
	bool put_back;
	unsigned int left; /* threads that somebody else had moved since: they stay there */
};

/* What became of the affinities of the guest's own threads (--pin). */
#define KM_PIN_LAID_MAX 32
#define KM_PIN_TOLD_MAX 4
struct km_pin_laid {
	char who[80], from[256], to[256];
};
struct km_pinned {
	unsigned int threads; /* that were pinned at the source; 0: there is nothing to say */
	char policy[8];	      /* keep, relax, none */
	bool done;	      /* they are pinned at the destination */
	char why_not[KM_ERR_MAX];
	unsigned int nlaid; /* of the threads, as many as fit */
	struct km_pin_laid laid[KM_PIN_LAID_MAX];
	unsigned int nbreaks; /* what could not be kept; the first KM_PIN_TOLD_MAX are told */
	char breaks[KM_PIN_TOLD_MAX][320];
};

/* cpu.weight of the VMM's group while its guest moved. */
struct km_weight_facts {
	unsigned int wanted; /* 0 = it was left alone */
	bool on;
	char why_not[KM_ERR_MAX];
	char group[PATH_MAX];	 /* of cgroup v2 */
	unsigned int before;	 /* 0 = not known */
	unsigned int changed_to; /* by somebody else, and left so; 0 = by nobody */
	char not_back[64];	 /* "" = it was put back, unless changed */
};

/* What was taken from vCPUs so that the link could keep up. */
struct km_throttle_facts {
	bool wanted;
	char why_not[KM_ERR_MAX]; /* it could not be done, or not to the end */
	unsigned int vcpus;	  /* 0 = none was slowed; else of these the last was */
	uint8_t most[256];	  /* percent of its time, at the worst */
	unsigned int changed;	  /* limits that somebody else changed, and that were left so */
	char not_back[KM_ERR_MAX];
};

/* A guest whose rounds did not get smaller (xfer/flat.h). */
struct km_stall_facts {
	unsigned int rounds; /* so many in a row, at the worst; 0 = it did not happen */
	uint64_t round_pages;
	char region[KM_NAME_MAX]; /* the RAMBlock that comes back most, "" = not known */
	uint64_t region_offset, region_bytes;
	bool gave_up;
};

struct km_verify {
	bool done;
	uint64_t pages;	 /* compared */
	uint64_t unseen; /* can't be read from outside at one end: not compared */
	uint64_t differing;
	uint64_t allowed;	 /* of the differing: pages device load itself writes */
	char first[KM_NAME_MAX]; /* "pc.ram+0xe8000" */
};

/* The pause in parts, one after the other (xfer/blackout.h). */
#define KM_PAUSE_PARTS 13
struct km_pause_part {
	char name[16];
	bool destination; /* its end was seen there */
	double at_ms;	  /* since the pause began */
	double took_ms;
};
struct km_pause {
	unsigned int nparts; /* 0: the guest was not stopped, or has not moved */
	struct km_pause_part part[KM_PAUSE_PARTS];
	double total_ms; /* all of them */
	bool joined;	 /* with the destination's, by its clock */
	int64_t clock_offset_ns;
	double clock_error_ms;
	char why_not[KM_ERR_MAX];
};

/* What keeps a vCPU from running. */
enum km_stall {
	KM_STALL_WAIT,	    /* runnable, and not on a CPU */
	KM_STALL_THROTTLED, /* the same, as its cgroup has used up its cpu.max */
	KM_STALL_STOPPED,   /* the VMM has taken it out */
	KM_STALL_VMM,	    /* asleep in the VMM for another reason: its devices, its locks */
	KM_STALL_EMULATED,  /* on a CPU in the VMM */
	KM_STALL_TRACKING,  /* in KVM: a write to a page that is tracked, a full PML buffer */
	KM_STALL_TOUCH,	    /* in KVM: a fault on what is not mapped */
	KM_STALL_BLOCKED,   /* asleep in KVM, and not for a halt */
	KM_STALL_KVM,	    /* in KVM, for anything else */
	KM_STALLS,
};

/* The guest-impact ledger of a move, from its begin until the guest runs again. */
#define KM_IMPACT_VCPUS	 256
#define KM_IMPACT_PHASES 3 /* set-up, pre-copy, pause: KM_PHASE_SETUP to KM_PHASE_SWITCHOVER */
struct km_impact_vcpu {
	unsigned int vcpu;
	double ms[KM_IMPACT_PHASES][KM_STALLS];
	double halted_ms;      /* the guest had nothing for it to do */
	double unexplained_ms; /* out of the guest, and not in any of the above */
};
struct km_impact {
	bool wanted, on;
	char why_not[KM_ERR_MAX];
	uint64_t lost; /* pieces that there was no room for */
	unsigned int vcpus;
	struct km_impact_vcpu vcpu[KM_IMPACT_VCPUS];
};

/* The guest's first time at the destination. */
#define KM_EXIT_NAME 20
struct km_arrival_vcpu {
	unsigned int vcpu;
	/* The guest, for the first time; by CLOCK_MONOTONIC there, 0 = it was not seen to. */
	uint64_t entered_ns, exited_ns;
	bool idle;		 /* it was halted before it entered */
	char exit[KM_EXIT_NAME]; /* KVM's name of what it left it for */
	double ms[KM_STALLS];
	double unexplained_ms; /* since it was told to run, as in struct km_impact_vcpu */
};
struct km_arrival {
	bool wanted, on;
	char why_not[KM_ERR_MAX];
	double watched_ms; /* since the first vCPU has entered the guest */
	uint64_t pause_ns; /* when the pause began, by the same clock; 0 = the clocks aren't joined */
	uint64_t lost;
	unsigned int vcpus;
	struct km_arrival_vcpu vcpu[KM_IMPACT_VCPUS];
};

/* A number that is not known yet, and the least and the most that it may be. */
struct km_interval {
	double low, likely, high;
};

/* What is foretold of a move (plan/predict.h), and known after it. */
enum km_figure {
	KM_FIGURE_TOTAL_MS,
	KM_FIGURE_PAUSE_MS,
	KM_FIGURE_WIRE_BYTES,
	KM_FIGURE_SOURCE_CPU_MS, /* of kmigrate, without QEMU */
	KM_FIGURE_DESTINATION_CPU_MS,
	KM_FIGURES
};
struct km_foretold {
	bool wanted;
	bool can_be_moved;		      /* within the deadline */
	unsigned int rehearsals, moved;	      /* of which so many were */
	struct km_interval range[KM_FIGURES]; /* of those */
	double cpus, cpus_busy; /* of a host, that the move may have; the part that it would use */
	bool same_host;		/* both ends have them together */
	double needed_bytes_per_s; /* link that would do, 0: this one does, < 0: none */
	unsigned int max_pause_ms, deadline_ms; /* the goal; 0 = no deadline */
	unsigned int streams;
	double link_bytes_per_s;
	char link_by[64]; /* how that is known */
	uint64_t age_s;	  /* since the guest was looked at */
};

/* The result of `kmigrate run`; every renderer reads only this. */
/* An address by which streams go. */
struct km_path_facts {
	char address[KM_ADDRESS_MAX];
	unsigned int streams; /* that go by it now */
	uint64_t wire_bytes;  /* of all that went by it */
};

struct km_run {
	char id[40]; /* names the journal */
	char vm_name[KM_NAME_MAX];
	pid_t vm_pid;
	char destination[PATH_MAX];
	char engine[16];	     /* relay or qemu */
	char engine_why[KM_ERR_MAX]; /* when it isn't the default */
	char encryption[8];	     /* none, psk or x509; "" when there was no connection */
	char cipher[32];	     /* of the control connection */
	unsigned int streams, npaths;
	struct km_path_facts path[KM_PATHS_MAX];
	uint64_t ram_bytes;
	enum km_phase phase;
	enum km_outcome outcome;
	struct km_counters c;
	struct km_module_facts module;
	struct km_held hold;
	struct km_placed placed;
	struct km_pinned pinned;
	bool refused; /* one of the hosts can't do it, and nothing was touched */
	struct km_weight_facts weight;
	struct km_throttle_facts throttle;
	struct km_stall_facts stall;
	struct km_disks_facts disks;
	struct km_verify verify;
	bool source_died;		/* its QEMU, when the destination had all of the guest */
	unsigned int redials;		/* times that the link broke and came back */
	double redial_ms;		/* that it was away */
	bool link_away;			/* it is */
	bool qemu_silent;		/* the move has failed, and QEMU was asked in vain so far */
	char why_redialled[KM_ERR_MAX]; /* the last time */
	double total_ms;		/* first to last message */
	double setup_ms;
	double pause_ms; /* pause.total_ms; without it from the guest's stop, seen here */
	/* CPU time of kmigrate, all threads; 0 = not known, as of an older destination */
	double source_cpu_ms, destination_cpu_ms;
	struct km_pause pause;
	struct km_impact impact;
	struct km_arrival arrival;
	struct km_foretold foretold; /* before it began */
	char held[KM_ERR_MAX];	     /* what was held and put back, one line */
	char error[KM_ERR_MAX];	     /* "" when it went well */
};

const char *km_phase_name(enum km_phase p);
/* "total_ms": as JSON calls it. */
const char *km_figure_name(enum km_figure f);
/* "no-cpu": a word. */
const char *km_stall_name(enum km_stall s);
const char *km_outcome_name(enum km_outcome o);
const char *km_disk_how_name(enum km_disk_how h);
const char *km_backing_name(enum km_backing b);
const char *km_accel_name(enum km_accel a);

#endif
