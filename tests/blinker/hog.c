/* SPDX-License-Identifier: MIT */
/* Uses up all the time that it gets. */
int main(void)
{
	for (;;)
		__asm__ volatile("" : : : "memory");
}
