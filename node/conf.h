/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Configuration: HOME/sangam.conf, an INI file of one section, [node].
 *
 * One table (conf.c) gives each key its default, its comment and its parser;
 * the sample file and `status --json` come from the same table. An unknown
 * section or key, a key given twice and a bad value are errors that name the
 * file and the line. A key that is not there has its default.
 */
#ifndef SANGAM_CONF_H
#define SANGAM_CONF_H

#include <stddef.h>

#include "protocol/err.h"
#include "protocol/limits.h"

/* In order: a level includes those before it. */
enum conf_level {
    CONF_ERROR, /* someone must act */
    CONF_WARNING,
    CONF_INFO,
    CONF_DEBUG,
};

struct conf {
    char listen[ADDRESS_BYTES_MAX + 1];  /* tcp://host:port; "": no children */
    char address[ADDRESS_BYTES_MAX + 1]; /* what children connect to; "": the
                                            same as listen */
    enum conf_level log_level;
};

/* Every key at its default. */
void conf_defaults(struct conf *ret);

/* Reads a file. ERR_CONFIG with "FILE:LINE: what is wrong", or when it cannot
 * be read. */
int conf_read(const char *path, struct conf *ret, struct err *e);

/* Writes a file that says the same, with a comment for every key. Refuses a
 * file that exists (ERR_INPUT); ERR_IO. */
int conf_write(const char *path, const struct conf *c, struct err *e);

/* Checks one value as reading would: for `init --listen`. ERR_INPUT with
 * "listen: what is wrong". */
int conf_set(struct conf *c, const char *name, const char *value,
             struct err *e);

/* The keys in order, and the value of each as the file would say it; for
 * `status`. NULL past the last key. The text is valid until `c` changes. */
const char *conf_key(size_t index);
const char *conf_value(const struct conf *c, size_t index);

#endif
