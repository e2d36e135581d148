/* SPDX-License-Identifier: Apache-2.0 */

/*
 *   liar HOME LIE
 *
 * HOME is of a node that does not run, whose chain its parent has. The liar calls
 * the parent as that node, says LIE, and prints what it is told. tests/cluster/
 * hostile.py looks at what came of it.
 */
#include "liar.h"

#include <sodium.h>

#include "node/clock.h"
#include "node/home.h"

void give_up(const char *what, const struct err *e)
{
    (void)fprintf(stderr, "liar: %s: %s\n", what, e != NULL ? e->text : "");
    exit(2);
}

static void open_home(struct liar *l, const char *folder)
{
    struct home *home = NULL;
    const struct replica_start start = {.schema = &schema_embedded,
                                        .now_ms = clock_wall_ms()};
    must(home_open(folder, &home, said));
    must(home_keys_read(home, &l->keys, said));
    must(replica_open(home->replica, &l->keys, &start, &l->replica, said));
    must(replica_parent(l->replica, &l->parent, said));
    home_close(&home);
    l->packer = packer_new();
}

static void close_home(struct liar *l)
{
    transport_destroy(&l->link);
    replica_close(&l->replica);
    packer_destroy(&l->packer);
    keys_wipe(&l->keys);
}

int main(int argc, char **argv)
{
    static struct liar l;
    lie_function *lie = argc == 3 ? lie_named(argv[2]) : NULL;
    if (lie == NULL || sodium_init() < 0) {
        (void)fprintf(stderr, "usage: liar HOME LIE\n");
        return 2;
    }
    open_home(&l, argv[1]);
    lie(&l);
    close_home(&l);
    return 0;
}
