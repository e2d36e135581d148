/* SPDX-License-Identifier: Apache-2.0 */
/* A leaf from any bytes: what decodes is written again as the same bytes, and
 * what it may say (a certificate, evidence, contexts) is read. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/certificate.h"
#include "protocol/context.h"
#include "protocol/elements.h"
#include "protocol/evidence.h"
#include "protocol/leaf.h"

static void check_bytes(const struct leaf *leaf, struct slice head,
                        struct slice body)
{
    struct bytes again = {0};
    leaf_encode_head(leaf, &again);
    assert(slice_equal(slice_of(&again), head));
    bytes_clear(&again);
    leaf_encode_body(leaf, &again);
    assert(slice_equal(slice_of(&again), body));
    bytes_free(&again);
}

static void read_control(const struct leaf *leaf)
{
    struct certificate c;
    struct revocation v;
    struct voiding w;
    struct fork_proof p;
    (void)certificate_of_leaf(leaf, &c, NULL);
    (void)revocation_of_leaf(leaf, &v, NULL);
    (void)voiding_of_leaf(leaf, &w, NULL);
    (void)fork_proof_of_leaf(leaf, &p, NULL);
}

static void read_cells(const struct leaf *leaf)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        struct elements elements;
        struct context_entry entry;
        struct context c = context_of(leaf->contexts, leaf->cells[i].column);
        while (context_next(&c, &entry)) {
        }
        if (elements_decode(&leaf->cells[i].value, &elements)) {
            elements_clear(&elements);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {data, size};
    struct slice head = fuzz_slice(&in, 255);
    static struct leaf leaf;
    if (leaf_decode_head(head, &leaf, NULL) == 0 &&
        leaf_decode(head, in, &leaf, NULL) == 0) {
        assert(leaf_is_sound(&leaf));
        assert(leaf_is_of_row(in, leaf.table, leaf.key_bytes));
        check_bytes(&leaf, head, in);
        read_control(&leaf);
        read_cells(&leaf);
    }
    return 0;
}
