/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#include "gauge.h"

enum { SYNCS = 200, PAGE_BYTES = 4096 };

static double sync_ms(void)
{
    char path[] = "/tmp/sangam-sync-XXXXXX";
    static const char page[PAGE_BYTES];
    struct gauge took = {0};
    int fd = mkstemp(path);
    if (fd < 0) {
        return 0;
    }
    (void)unlink(path);
    struct gauge before = gauge_now();
    for (int i = 0; i < SYNCS; i++) {
        if (write(fd, page, sizeof page) != PAGE_BYTES || fdatasync(fd) != 0) {
            break;
        }
    }
    gauge_add(&took, &before);
    (void)close(fd);
    return (double)took.wall_ns / 1e6 / SYNCS;
}

void machine_print(void)
{
    printf("%ld cores, SQLite %s, zstd %s; a page written and synced: %.2f "
           "ms\n",
           sysconf(_SC_NPROCESSORS_ONLN), sqlite3_libversion(),
           ZSTD_versionString(), sync_ms());
}
