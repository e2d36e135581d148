/* SPDX-License-Identifier: Apache-2.0 */
/* A register from any bytes, to its end or its first error. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "node/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv *csv = NULL;
    struct csv_row row;
    struct err e = {0};
    uint64_t line = 0;
    int rc = csv_open(fuzz_file(data, size), &csv, &e);
    if (rc == 0) {
        rc = csv_separate(csv, '\0', 1, &e);
    }
    while (rc == 0 && (rc = csv_read(csv, &row, &e)) == 1) {
        assert(row.kept <= row.count && row.kept <= COLUMNS_MAX);
        assert(row.line > line);
        line = row.line;
        for (size_t i = 0; i < row.kept; i++) {
            assert(row.fields[i].data[row.fields[i].len] == '\0');
        }
        rc = 0;
    }
    assert(rc == 0 || e.text[0] != '\0');
    csv_destroy(&csv);
    return 0;
}
