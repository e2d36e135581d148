/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Errors: a number that may travel on the wire and a sentence for a person.
 *
 * Functions that can fail return 0 or a negative ERR_* and take a
 * `struct err *e` last. The sentence says what happened, to what, and what to
 * do next; callers prefix context with err_wrap() on the way up, and only
 * node/ logs it, once. `e` may be NULL where a caller wants the code alone.
 */
#ifndef SANGAM_ERR_H
#define SANGAM_ERR_H

/* The numbers are part of the protocol: append, never renumber. */
#define ERR_TABLE(X)                                                           \
    X(ERR_FORMAT, -1, "format")       /* bytes that break their own layout */  \
    X(ERR_LIMIT, -2, "limit")         /* larger than limits.h allows */        \
    X(ERR_SIGNATURE, -3, "signature") /* does not verify */                    \
    X(ERR_HASH, -4, "hash")           /* content does not match a hash */      \
    X(ERR_NETWORK, -5, "network")     /* another network's bytes */            \
    X(ERR_VERSION, -6, "version")     /* newer than this program */            \
    X(ERR_UNKNOWN, -7, "unknown")     /* names what is not held here */        \
    X(ERR_FORBIDDEN, -8, "forbidden") /* the signer may not do that */         \
    X(ERR_CHAIN, -9, "chain")         /* a gap or break in a chain */          \
    X(ERR_FORK, -10, "fork")          /* one name, two contents */             \
    X(ERR_FUTURE, -11, "future")      /* stamped ahead of the clock */         \
    X(ERR_STATE, -12, "state")        /* message out of turn */                \
    X(ERR_BUSY, -13, "busy")          /* held by someone else, retry */        \
    X(ERR_FULL, -14, "full")          /* no room on the disk */                \
    X(ERR_IO, -15, "io")              /* the system refused */                 \
    X(ERR_CORRUPT, -16, "corrupt")    /* our own file is damaged */            \
    X(ERR_INPUT, -17, "input")        /* a person's input is wrong */          \
    X(ERR_CONFIG, -18, "configuration") /* sangam.conf or the home */          \
    X(ERR_EXPIRED, -19, "expired")      /* an invite past its date */          \
    X(ERR_SPENT, -20, "spent")          /* an invite used already */           \
    X(ERR_CLASS, -21, "class")          /* peer may not read a class */        \
    X(ERR_TIMEOUT, -22, "timeout")      /* nothing heard in time */

enum err_code {
#define ERR_ENUM(name, number, word) name = (number),
    ERR_TABLE(ERR_ENUM)
#undef ERR_ENUM
};

enum { ERR_TEXT_BYTES = 512 };

struct err {
    int code;                  /* 0 or ERR_* */
    char text[ERR_TEXT_BYTES]; /* always terminated, cut if too long */
};

/* Sets code and sentence; returns `code`, so that `return err_set(...)` reads
 * as one thought. */
int err_set(struct err *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence; returns the code unchanged. Only `e`
 * knows the code: with NULL it returns ERR_STATE, so where `e` may be NULL
 * return the code you have. */
int err_wrap(struct err *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The word of a code ("signature"), "ok" for 0, "unknown code" otherwise. */
const char *err_word(int code);

#endif
