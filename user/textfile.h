/* SPDX-License-Identifier: GPL-2.0 */
/* A file that somebody hands over, read whole. */
#ifndef KM_TEXTFILE_H
#define KM_TEXTFILE_H

#include <stddef.h>
#include "model.h"

/* *text is malloc'ed, of *len bytes without a NUL behind them, NULL after an error.  "-" is
 * standard input.  -EFBIG above max bytes, -EINVAL for what is neither a file nor a pipe, and any
 * errno of opening and reading; the error's text does not name the path. */
int km_textfile_read(const char *path, size_t max, char **text, size_t *len, struct km_err *err);

#endif
