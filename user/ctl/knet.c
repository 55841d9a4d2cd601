// SPDX-License-Identifier: GPL-2.0
#include "knet.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>
#include "knet_priv.h"
#include "proc.h"

static int on_family_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
	    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
		*(uint16_t *)data = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int on_family(const struct nlmsghdr *nlh, void *ctx)
{
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr))
		return -EPROTO;
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_family_attr, ctx) < 0 ? -EPROTO :
											 0;
}

static int on_reply(const struct nlmsghdr *nlh, void *ctx)
{
	return km_knetmsg_reply(nlh, ctx);
}

static int find_family(struct km_knet *k, struct km_err *err)
{
	struct nlmsghdr *nlh = km_knetsock_request(k, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	int rc;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, KMIGRATE_FAMILY_NAME);
	rc = km_knetsock_call(k, nlh, on_family, &k->family);
	if (rc == -ENOENT || (!rc && !k->family))
		return km_err_set(err, -ENOENT, "kmigrate.ko is not loaded: " KM_KNET_OFF);
	return rc ? km_knetsock_fail(k, rc, "looking for it", err) : 0;
}

static int check_abi(struct km_knet *k, struct km_err *err)
{
	struct km_reply r = { 0 };
	int rc = km_knetsock_call(
		k, km_knetsock_request(k, k->family, KMIGRATE_CMD_INFO, NLM_F_ACK), on_reply, &r);

	if (rc)
		return km_knetsock_fail(k, rc, "asking for its version", err);
	if (r.abi_version != KMIGRATE_ABI_VERSION)
		return km_err_set(err, -EPROTO,
				  "kmigrate.ko speaks ABI version %u and this tool %u: " KM_KNET_OFF
				  " (reload the module that came with the tool)",
				  r.abi_version, KMIGRATE_ABI_VERSION);
	return 0;
}

int km_knet_open(struct km_knet **out, struct km_err *err)
{
	struct km_knet *k = calloc(1, sizeof(*k));
	int rc;

	*out = NULL;
	if (!k)
		return km_err_set(err, -ENOMEM, "out of memory");
	rc = km_knetsock_open(k, err);
	if (!rc)
		rc = find_family(k, err);
	if (!rc)
		rc = check_abi(k, err);
	if (rc)
		km_knet_close(k);
	else
		*out = k;
	return rc;
}

void km_knet_close(struct km_knet *k)
{
	if (!k)
		return;
	if (k->nl)
		mnl_socket_close(k->nl); /* and with it the session (DESIGN D4) */
	free(k->slots.s);
	free(k->buf);
	free(k);
}

/* Our own descriptor of the VMM's VM (DESIGN D3). */
static int get_vm_fd(pid_t vmm, struct km_err *err)
{
	struct km_fds fds;
	int pidfd;
	int fd;

	km_fds_read(vmm, &fds);
	km_fds_free(&fds);
	if (!fds.readable)
		return km_err_set(err, -EACCES, "/proc/%d/fd can't be read: " KM_KNET_OFF,
				  (int)vmm);
	if (!fds.kvm_vm)
		return km_err_set(err, -ENODEV, "process %d has no KVM VM (TCG?): " KM_KNET_OFF,
				  (int)vmm);
	pidfd = pidfd_open(vmm, 0);
	if (pidfd < 0)
		return km_err_set(err, -errno, "pidfd_open(%d): %s", (int)vmm, strerror(errno));
	fd = pidfd_getfd(pidfd, fds.kvm_vm_fd, 0);
	if (fd < 0)
		fd = km_err_set(err, -errno, "pidfd_getfd(%d, %d): %s", (int)vmm, fds.kvm_vm_fd,
				strerror(errno));
	close(pidfd);
	return fd;
}

static int on_slot(const struct nlmsghdr *nlh, void *ctx)
{
	return km_knetmsg_slot(nlh, ctx);
}

static int load_slots(struct km_knet *k, struct km_err *err)
{
	int rc = -EINTR;

	for (int tries = 0; rc == -EINTR && tries < 5; tries++) {
		k->slots.n = 0;
		rc = km_knetsock_call(k, km_knetsock_session(k, KMIGRATE_CMD_SLOT_GET, NLM_F_DUMP),
				      on_slot, &k->slots);
	}
	return rc ? km_knetsock_fail(k, rc, "listing the VM's memory slots", err) : 0;
}

static void detach(struct km_knet *k)
{
	if (k->session)
		km_knetsock_call(k, km_knetsock_session(k, KMIGRATE_CMD_VM_DETACH, NLM_F_ACK), NULL,
				 NULL);
	k->session = 0;
	k->idle_ns = 0;
}

int km_knet_attach(struct km_knet *k, pid_t vmm, struct km_err *err)
{
	struct km_reply r = { 0 };
	struct nlmsghdr *nlh;
	int fd = get_vm_fd(vmm, err);
	int rc;

	if (fd < 0)
		return fd;
	detach(k);
	nlh = km_knetsock_request(k, k->family, KMIGRATE_CMD_VM_ATTACH, NLM_F_ACK);
	mnl_attr_put_u32(nlh, KMIGRATE_A_VM_FD, (uint32_t)fd);
	rc = km_knetsock_call(k, nlh, on_reply, &r);
	close(fd);
	if (rc)
		return km_knetsock_fail(k, rc, "attaching to the VM", err);
	k->session = r.session;
	rc = load_slots(k, err);
	if (rc)
		detach(k);
	return rc;
}

int km_knet_info(struct km_knet *k, struct km_module_facts *facts, struct km_err *err)
{
	struct km_reply r = { 0 };
	int rc;

	rc = km_knetsock_call(k,
			      k->session ? km_knetsock_session(k, KMIGRATE_CMD_VM_GET, NLM_F_ACK) :
					   km_knetsock_request(k, k->family, KMIGRATE_CMD_INFO,
							       NLM_F_ACK),
			      on_reply, &r);
	if (rc)
		return km_knetsock_fail(k, rc, "asking for the mechanism", err);
	facts->present = true;
	strcpy(facts->mechanism, r.has_mechanism ? km_knetmsg_mechanism(r.mechanism) : "unknown");
	return 0;
}

static int on_vcpu(const struct nlmsghdr *nlh, void *ctx)
{
	return km_knetmsg_vcpu(nlh, ctx);
}

int km_knet_counts(struct km_knet *k, struct km_module_facts *facts, struct km_err *err)
{
	struct km_reply r = { 0 };
	int rc = km_knetsock_call(k, km_knetsock_session(k, KMIGRATE_CMD_COUNTS_GET, NLM_F_ACK),
				  on_reply, &r);

	if (rc)
		return km_knetsock_fail(k, rc, "counting dirtied pages", err);
	facts->dirtied_pages = r.pages;
	/* Nothing is seen before the VMM logs: the rate starts at the last look
	 * that found nothing. */
	if (!r.pages)
		k->idle_ns = r.elapsed_ns;
	facts->dirtied_pages_per_s = 0;
	if (r.elapsed_ns > k->idle_ns)
		facts->dirtied_pages_per_s =
			(double)r.pages * 1e9 / (double)(r.elapsed_ns - k->idle_ns);
	rc = km_knetsock_call(k, km_knetsock_session(k, KMIGRATE_CMD_VCPU_GET, NLM_F_DUMP), on_vcpu,
			      facts);
	/* vCPUs that come or go meanwhile leave the others' counts right. */
	return rc && rc != -EINTR ? km_knetsock_fail(k, rc, "counting by vCPU", err) : 0;
}

struct test_answer {
	bool *dirty;
	unsigned int n;
};

static int on_bitmap(const struct nlmsghdr *nlh, void *ctx)
{
	struct test_answer *a = ctx;
	struct km_reply r;
	int rc = km_knetmsg_reply(nlh, &r);

	if (rc)
		return rc;
	if (r.bitmap_bytes < (a->n + 7) / 8)
		return -EPROTO;
	for (unsigned int i = 0; i < a->n; i++)
		a->dirty[i] = r.bitmap[i / 8] >> (i % 8) & 1;
	return 0;
}

/* One request: as many of gfn[] as fit. Returns how many, or a negative errno. */
static int test_some(struct km_knet *k, const uint64_t *gfn, unsigned int n, bool *dirty)
{
	struct km_extent *extent = calloc(KMIGRATE_MAX_TEST_EXTENTS, sizeof(*extent));
	struct nlmsghdr *nlh = km_knetsock_session(k, KMIGRATE_CMD_TEST, NLM_F_ACK);
	struct test_answer answer = { .dirty = dirty };
	unsigned int next;
	int rc;

	if (!extent)
		return -ENOMEM;
	answer.n = km_knetmsg_extents(gfn, n, extent, &next);
	for (unsigned int i = 0; i < next; i++) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, KMIGRATE_A_EXTENT);

		mnl_attr_put_u64(nlh, KMIGRATE_A_EXTENT_GFN, extent[i].gfn);
		mnl_attr_put_u32(nlh, KMIGRATE_A_EXTENT_NPAGES, extent[i].npages);
		mnl_attr_nest_end(nlh, nest);
	}
	free(extent);
	rc = km_knetsock_call(k, nlh, on_bitmap, &answer);
	return rc ? rc : (int)answer.n;
}

int km_knet_test(struct km_knet *k, const uint64_t *hva, unsigned int n, bool *dirty,
		 struct km_err *err)
{
	uint64_t *gfn = calloc(n + 1, sizeof(*gfn));
	unsigned int *where = calloc(n + 1, sizeof(*where));
	bool *got = calloc(n + 1, sizeof(*got));
	unsigned int known = 0;
	int rc = gfn && where && got ? 0 : -ENOMEM;

	memset(dirty, 0, n * sizeof(*dirty));
	for (unsigned int i = 0; !rc && i < n; i++) {
		if (!km_knetmsg_gfn(&k->slots, hva[i], &gfn[known]))
			continue; /* not mapped by the guest now: no answer is "clean" */
		where[known++] = i;
	}
	for (unsigned int i = 0; !rc && i < known;) {
		int some = test_some(k, gfn + i, known - i, got + i);

		if (some < 0)
			rc = some;
		else
			i += (unsigned int)some;
	}
	for (unsigned int i = 0; !rc && i < known; i++)
		dirty[where[i]] = got[i];
	free(gfn);
	free(where);
	free(got);
	return rc ? km_knetsock_fail(k, rc, "testing pages", err) : 0;
}
