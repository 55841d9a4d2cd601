// SPDX-License-Identifier: GPL-2.0
/* kmigrate vms: the guests of this host. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "ctl/vms.h"
#include "model.h"
#include "opts.h"
#include "report/report.h"

struct vms_options {
	bool json;
	bool no_qmp;
};

static const struct km_opt options[] = {
	{ .name = "json",
	  .kind = KM_OPT_FLAG,
	  .offset = offsetof(struct vms_options, json),
	  .help = "print JSON" },
	{ .name = "no-qmp",
	  .kind = KM_OPT_FLAG,
	  .offset = offsetof(struct vms_options, no_qmp),
	  .help = "connect to no monitor: what /proc shows is all" },
	{ 0 },
};

static void print_json(const struct km_vm *vms, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, km_json_vm(&vms[i]));
	km_json_print(stdout, list);
}

static int run(const struct km_cmd *cmd, int argc, char **argv)
{
	struct vms_options o = { 0 };
	struct km_err err = { 0 };
	struct km_vm *vms;
	unsigned int npos;
	size_t n;
	int rc = km_opts_parse(cmd, argc, argv, &o, NULL, 0, &npos);

	if (rc)
		return rc > 0 ? KM_EXIT_OK : KM_EXIT_USAGE;
	if (km_vms_list(&vms, &n, o.no_qmp ? KM_VMS_MONITORS : KM_VMS_ASK, &err)) {
		fprintf(stderr, "kmigrate vms: %s\n", err.text);
		return KM_EXIT_FAILED;
	}
	if (o.json)
		print_json(vms, n);
	else if (n)
		km_text_vms(stdout, vms, n);
	else
		fprintf(stderr, "kmigrate vms: no guest runs here%s\n",
			geteuid() ? " (as far as this user can see)" : "");
	free(vms);
	return ferror(stdout) ? KM_EXIT_FAILED : KM_EXIT_OK;
}

const struct km_cmd km_cmd_vms = {
	.name = "vms",
	.summary = "list the guests of this host, and which of them can be moved",
	.usage = "",
	.opts = options,
	.run = run,
};
