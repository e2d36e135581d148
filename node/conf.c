/* SPDX-License-Identifier: Apache-2.0 */
#include "node/conf.h"

#include "node/file.h"
#include "node/sections.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- values --------------------------------------------------------------- */

/* The port of "tcp://host:port", and where the host ends; NULL if there is
 * none or it is no port. */
static const char *host_end(const char *host)
{
    const char *colon = strrchr(host, ':');
    if (colon == NULL || colon == host) {
        return NULL;
    }

    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0') {
        return NULL;
    }
    long port = strtol(colon + 1, NULL, 10);
    return port >= 1 && port <= 65535 ? colon : NULL;
}

static bool host_is_name(const char *host, size_t len)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    static const char ipv6[] = "0123456789abcdefABCDEF:.";

    if (host[0] == '[') {
        return len > 2 && host[len - 1] == ']' &&
               strspn(host + 1, ipv6) == len - 2;
    }
    return strspn(host, name) == len;
}

static bool host_is_any(const char *host, size_t len)
{
    static const char *const any[] = {"*", "0.0.0.0", "[::]"};

    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        if (strlen(any[i]) == len && memcmp(any[i], host, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Checks tcp://host:port; `any` tells whether the host means "every address
 * of this machine". */
static int check_address(const char *value, bool *ret_any, struct err *e)
{
    static const char tcp[] = "tcp://";

    if (strlen(value) > ADDRESS_BYTES_MAX) {
        return err_set(e, ERR_INPUT, "longer than %d bytes",
                       (int)ADDRESS_BYTES_MAX);
    }
    const char *host = value + strlen(tcp);
    const char *end =
        strncmp(value, tcp, strlen(tcp)) == 0 ? host_end(host) : NULL;
    if (end == NULL) {
        return err_set(e, ERR_INPUT, "'%s' is not tcp://HOST:PORT", value);
    }

    size_t len = (size_t)(end - host);
    *ret_any = host_is_any(host, len);
    if (!*ret_any && !host_is_name(host, len)) {
        return err_set(e, ERR_INPUT, "'%.*s' in '%s' is not a host", (int)len,
                       host, value);
    }
    return 0;
}

static int set_listen(struct conf *c, const char *value, struct err *e)
{
    bool any;
    int rc = value[0] == '\0' ? 0 : check_address(value, &any, e);
    if (rc == 0) {
        (void)snprintf(c->listen, sizeof c->listen, "%s", value);
    }
    return rc;
}

static const char *show_listen(const struct conf *c)
{
    return c->listen;
}

static int set_address(struct conf *c, const char *value, struct err *e)
{
    bool any = false;
    int rc = value[0] == '\0' ? 0 : check_address(value, &any, e);
    if (rc == 0 && any) {
        rc = err_set(e, ERR_INPUT,
                     "'%s' is every address of this machine; children need "
                     "one they can reach",
                     value);
    }
    if (rc == 0) {
        (void)snprintf(c->address, sizeof c->address, "%s", value);
    }
    return rc;
}

static const char *show_address(const struct conf *c)
{
    return c->address;
}

static const char *const level_words[] = {
    [CONF_ERROR] = "error",
    [CONF_WARNING] = "warning",
    [CONF_INFO] = "info",
    [CONF_DEBUG] = "debug",
};

static int set_log_level(struct conf *c, const char *value, struct err *e)
{
    for (size_t i = 0; i < sizeof level_words / sizeof level_words[0]; i++) {
        if (strcmp(level_words[i], value) == 0) {
            c->log_level = (enum conf_level)i;
            return 0;
        }
    }
    return err_set(e, ERR_INPUT, "'%s' is none of error, warning, info, debug",
                   value);
}

static const char *show_log_level(const struct conf *c)
{
    return level_words[c->log_level];
}

/* --- the table ------------------------------------------------------------ */

static const char section_name[] = "node";

struct key {
    const char *name;
    const char *preset;
    const char *comment; /* lines for the file, each with "# " */
    int (*set)(struct conf *c, const char *value, struct err *e);
    const char *(*show)(const struct conf *c);
};

static const struct key keys[] = {
    {
        .name = "listen",
        .preset = "",
        .comment = "# Where nodes below this one connect: tcp://HOST:PORT, or\n"
                   "# tcp://*:PORT for every address of this machine.\n"
                   "# Empty: this node takes no children.\n",
        .set = set_listen,
        .show = show_listen,
    },
    {
        .name = "address",
        .preset = "",
        .comment = "# The same place as the children see it, for invites:\n"
                   "# tcp://HOST:PORT. Empty: the same as listen.\n",
        .set = set_address,
        .show = show_address,
    },
    {
        .name = "log_level",
        .preset = "info",
        .comment = "# How much to log: error, warning, info or debug.\n",
        .set = set_log_level,
        .show = show_log_level,
    },
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

static const struct key *key_named(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

const char *conf_key(size_t index)
{
    return index < KEY_COUNT ? keys[index].name : NULL;
}

const char *conf_value(const struct conf *c, size_t index)
{
    return index < KEY_COUNT ? keys[index].show(c) : NULL;
}

void conf_defaults(struct conf *ret)
{
    *ret = (struct conf){.log_level = CONF_INFO};
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].set(ret, keys[i].preset, NULL) != 0) {
            abort(); /* our own table */
        }
    }
}

int conf_set(struct conf *c, const char *name, const char *value, struct err *e)
{
    const struct key *key = key_named(name);
    if (key == NULL) {
        return err_set(e, ERR_INPUT, "unknown key '%s'", name);
    }
    int rc = key->set(c, value, e);
    return rc == 0 ? 0 : err_wrap(e, "%s", key->name);
}

/* --- reading -------------------------------------------------------------- */

static int take_line(struct conf *c, int given_at[KEY_COUNT],
                     const struct section_line *line, struct err *e)
{
    if (strcmp(line->section, section_name) != 0) {
        return err_set(e, ERR_CONFIG,
                       line->section[0] == '\0'
                           ? "key before the first section%s; the section is "
                             "[%s]"
                           : "unknown section [%s]; known: [%s]",
                       line->section, section_name);
    }
    const struct key *key = key_named(line->key);
    if (key == NULL) {
        return err_set(e, ERR_CONFIG, "unknown key '%s'", line->key);
    }
    int *given = &given_at[key - keys];
    if (*given != 0) {
        return err_set(e, ERR_CONFIG, "%s was given in line %d already",
                       line->key, *given);
    }
    *given = line->line;
    return conf_set(c, line->key, line->value, e);
}

int conf_read(const char *path, struct conf *ret, struct err *e)
{
    struct sections s;
    struct conf conf;
    struct err wrong = {0};
    int given_at[KEY_COUNT] = {0}; /* line, 0: not yet */
    int line = 0;
    int rc = sections_read(path, ERR_CONFIG, &s, e);
    if (rc != 0) {
        return rc;
    }

    conf_defaults(&conf);
    for (size_t i = 0; i < s.count && line == 0; i++) {
        if (take_line(&conf, given_at, &s.lines[i], &wrong) != 0) {
            line = s.lines[i].line;
        }
    }
    if (line == 0 && s.wrong_at != 0) {
        line = s.wrong_at;
        wrong = s.wrong;
    }
    if (line != 0) {
        rc = err_set(e, ERR_CONFIG, "%s:%d: %s", path, line, wrong.text);
    } else {
        *ret = conf;
    }
    sections_free(&s);
    return rc;
}

/* --- writing -------------------------------------------------------------- */

/* It names no secret; the group reads it for `status`. */
enum { FILE_MODE = 0660 };

static void print_conf(FILE *out, const struct conf *c)
{
    fprintf(out,
            "# Configuration of this sangam node. Lines that begin with # are\n"
            "# comments. Restart the node after a change.\n"
            "\n[%s]\n",
            section_name);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const char *value = keys[i].show(c);
        fprintf(out, "\n%s%s =%s%s\n", keys[i].comment, keys[i].name,
                value[0] != '\0' ? " " : "", value);
    }
}

int conf_write(const char *path, const struct conf *c, struct err *e)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        abort();
    }
    print_conf(out, c);
    if (fclose(out) != 0) {
        abort();
    }
    int rc = file_write_new(path, (struct slice){(const uint8_t *)text, len},
                            FILE_MODE, e);
    free(text);
    return rc;
}
