/* SPDX-License-Identifier: MIT */
/*
 * The monitor of one virtual machine. What it needs stands in its node of the system description:
 *
 *   kernel, initrd, bootargs   files of the boot archive, and the kernel's command line
 *   firmware                   a file of the boot archive, in place of the kernel (dev/flash.c)
 *   vcpus                      how many; vCPU n is on CPU number n of `cpus`, or on `cpu`
 *   vcpu-priority, vcpu-budget-us, vcpu-period-us   of each vCPU's scheduling context
 *   event-scheduling, leave                         time of their own for interrupts
 *   on-reset, on-off, on-crash what follows: "restart" or "stop"
 *   led-gpios, leds            lines of the guest's GPIO controller, and LEDs on them (pl061.c)
 *   console                    the session that is the guest's serial port
 *   hvc-console                another one, that of its virtio console
 *   device, device-addresses, device-irqs, device-compatible  passed through (dev/pass_through.c)
 *   epoch                      what the guest's clock starts from, seconds since 1970
 */
#include "log.h"
#include "machine.h"

int main(void)
{
	static struct machine machine;
	int err = machine_create(&machine);

	if (err)
		return 1;
	err = machine_load(&machine);
	if (err)
		return 1;
	vmm_log_run();
	if (!vcpu_start(&machine.vcpu[0], machine.boot_pc, machine.boot_x0)) {
		vmm_log("the first vCPU does not start");
		return 1;
	}
	rt_ready();
	machine_serve(&machine);
}
