/* SPDX-License-Identifier: Apache-2.0 */
/* Packed leaves from any bytes, sealed and withheld ones among them: what
 * unpacks packs to something of the same root, and so does what is left of it
 * when leaves are withheld. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/pack.h"

static void check_again(struct packer *p, const struct changeset *cs)
{
    struct bytes packed = {0};
    struct changeset *again = NULL;
    packer_pack(p, cs, &packed);
    int rc = packer_unpack(p, &cs->header, slice_of(&packed), &again, NULL);
    assert(rc == 0);
    (void)rc;
    assert(memcmp(&again->header.root, &cs->header.root,
                  sizeof cs->header.root) == 0);
    changeset_destroy(&again);
    bytes_free(&packed);
}

static void check_withheld(struct packer *p, const struct changeset *cs,
                           uint64_t which)
{
    struct changeset *part = NULL;
    bool *keep = calloc(cs->header.leaf_count + 1, sizeof *keep);
    if (keep == NULL) {
        abort();
    }
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        keep[i] = (which >> i % 64 & 1) != 0;
    }
    if (changeset_withhold(cs, keep, &part, NULL) == 0) {
        int rc = changeset_compute_root(part, NULL);
        assert(rc == 0);
        (void)rc;
        assert(memcmp(&part->header.root, &cs->header.root,
                      sizeof cs->header.root) == 0);
        check_again(p, part);
        changeset_destroy(&part);
    }
    free(keep);
}

static void check_opening(struct changeset *cs)
{
    static const uint8_t key[CLASS_KEY_BYTES];
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        if (cs->slots[i].form == SLOT_SEALED) {
            (void)changeset_open(cs, i, key, NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct packer *p;
    struct slice in = {data, size};
    struct changeset *cs = NULL;
    if (p == NULL) {
        p = packer_new();
    }
    struct changeset_header header = {
        .incarnation = 1,
        .seq = 1,
        .leaf_count = fuzz_u8(&in),
        .hlc = (uint64_t)1790000000000 << 16,
    };
    uint64_t which = fuzz_u64(&in);
    if (packer_unpack(p, &header, in, &cs, NULL) == 0) {
        check_again(p, cs);
        check_withheld(p, cs, which);
        check_opening(cs);
        changeset_destroy(&cs);
    }
    return 0;
}
