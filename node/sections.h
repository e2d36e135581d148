/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sections: a file of [section] and KEY = VALUE, line by line: what the node's
 * configuration (conf.h) and the mapping of a register (map.h) are written in.
 *
 * Spaces before a line mean nothing, a line that begins with # or ; is a
 * comment, and so is the rest of a line after a blank and a ;. A line has at
 * most 199 bytes: inih's limit.
 */
#ifndef SANGAM_SECTIONS_H
#define SANGAM_SECTIONS_H

#include <stddef.h>

#include "protocol/err.h"

struct section_line {
    char *section; /* owned, like the others; "" before the first */
    char *key;
    char *value;
    int line;
};

struct sections {
    struct section_line *lines; /* owned; in the order of the file */
    size_t count;
    /* What can be read ends here: 0, or the line that cannot, and why. */
    int wrong_at;
    struct err wrong;
};

/* ERR_* `code` when the file cannot be opened or read: "PATH: why". A line that
 * cannot be read is no error yet: what is wrong before it comes first. */
int sections_read(const char *path, int code, struct sections *ret,
                  struct err *e);
void sections_free(struct sections *s);

#endif
