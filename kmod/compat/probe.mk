# SPDX-License-Identifier: GPL-2.0
# What this kernel has, found by compiling the have_*.c files beside this one and
# by looking symbols up in Module.symvers: kmod/compat/have.h gets a HAVE_ macro
# for each. Run again when the kernel, its flags or a probe changes.

km-probes := $(sort $(wildcard $(src)/kmod/compat/have_*.c))
km-have := $(obj)/kmod/compat/have.h

# c_flags without the request for a dependency file.
km-cflags = $(filter-out -Wp$(comma)-MMD$(comma)% -Wp$(comma)-MD$(comma)%,$(c_flags))

quiet_cmd_km_probe = PROBE   $@
      cmd_km_probe = $(CONFIG_SHELL) $(src)/kmod/compat/probe.sh $@ \
	$(src)/kmod/compat $(objtree)/Module.symvers $(KERNELRELEASE) \
	$(CC) $(km-cflags)

$(km-have): $(src)/kmod/compat/probe.sh $(src)/kmod/compat/works.c $(km-probes) FORCE
	$(call if_changed,km_probe)

targets += kmod/compat/have.h
$(addprefix $(obj)/,$(kmigrate-y)): $(km-have)
