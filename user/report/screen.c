// SPDX-License-Identifier: GPL-2.0
#include "screen.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool km_screen_begin(void)
{
	if (!isatty(STDOUT_FILENO))
		return false;
	fputs("\033[H\033[2J", stdout);
	return true;
}

unsigned int km_screen_columns(void)
{
	struct winsize size = { 0 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	return size.ws_col;
}

/* Each line is cleared behind its text, and the screen behind the last. */
void km_screen_show(const char *text)
{
	struct winsize size = { 0 };
	unsigned int lines = 0;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	fputs("\033[H", stdout);
	/* The cursor has the last line. */
	for (const char *p = text; *p && (size.ws_row < 2 || lines < size.ws_row - 1u); p++) {
		fputs(*p == '\n' ? "\033[K\n" : (char[]){ *p, '\0' }, stdout);
		lines += *p == '\n';
	}
	fputs("\033[J", stdout);
}
