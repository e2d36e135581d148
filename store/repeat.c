/* SPDX-License-Identifier: Apache-2.0 */
#include "store/addressed.h"
#include "store/parts.h"

/* What headquarters says to a site that has no node leads nowhere and is withheld
 * from everybody (addressed.h). When the site's first certificate comes, some on
 * the way have passed it and some have not: all of it stays withheld where it
 * stands, and is journaled once more, in order. That is for walks alone; whoever
 * reads the journal for rows or counts its leaves passes over it
 * (docs/decisions/0025-what-a-site-missed.md). */

/* Marks of all that the root may have addressed to the site. */
static void mark_site(const struct replica *r, struct slice site,
                      struct bytes *marks)
{
    const struct certificate *root =
        registry_current(r->merger.registry, &r->self.network);
    struct bytes scope = {0};
    bytes_put_u8(&scope, SCOPE_SITE);
    bytes_put_u32(&scope, (uint32_t)site.len);
    bytes_put(&scope, site.data, site.len);
    for (size_t i = 0; i < root->may_read.count; i++) {
        uint8_t mark[JOURNAL_MARK_BYTES];
        journal_mark(slice_of(&scope), root->may_read.numbers[i], mark);
        bytes_put(marks, mark, sizeof mark);
    }
    bytes_free(&scope);
}

/* Which leaves of a changeset are held and addressed to the site; any? */
static bool choose(const struct replica *r, const struct changeset *cs,
                   struct slice site, bool keep[LEAVES_MAX])
{
    bool any = false;
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        struct slice to;
        keep[i] = cs->slots[i].form == SLOT_VISIBLE &&
                  addressed_to(r->merger.registry, &cs->header.origin,
                               &cs->slots[i], &to) &&
                  slice_equal(to, site);
        any = any || keep[i];
    }
    return any;
}

static int append_repeat(struct replica *r, const struct delivery *d,
                         const struct changeset *fewer, struct err *e)
{
    struct bytes packed = {0};
    uint64_t position = 0;
    packer_pack(r->merger.packer, fewer, &packed);
    const struct arrival arrival = {
        .changeset = fewer,
        .packed = slice_of(&packed),
        .origin_no = d->origin_no,
        .from_no = d->from_no, /* who has sent them has them */
        .repeat = true,
    };
    int rc = journal_append(r->db, &arrival, &position, e);
    bytes_free(&packed);
    return rc;
}

static int repeat_delivery(struct replica *r, const struct delivery *d,
                           struct slice site, struct err *e)
{
    bool keep[LEAVES_MAX] = {false};
    struct changeset *cs = NULL;
    struct changeset *fewer = NULL;
    const struct origin *o =
        registry_origin_no(r->merger.registry, d->origin_no);
    if (o == NULL) {
        return err_set(e, ERR_CORRUPT, "delivery %llu has no origin",
                       (unsigned long long)d->position);
    }
    int rc =
        journal_open(r->merger.packer, &r->self.network, &o->node, d, &cs, e);
    if (rc == 0 && choose(r, cs, site, keep)) {
        rc = changeset_withhold(cs, keep, &fewer, e);
        if (rc == 0) {
            rc = append_repeat(r, d, fewer, e);
        }
    }
    changeset_destroy(&cs);
    changeset_destroy(&fewer);
    return rc;
}

static int repeat_site(struct replica *r, struct slice site, struct err *e)
{
    struct bytes marks = {0};
    struct delivery d = {0};
    uint64_t head = 0;
    mark_site(r, site, &marks);
    int rc = journal_head(r->db, &head, e);
    registry_repeat_addressed(r->merger.registry, site, head + 1);
    while (rc == 0 &&
           (rc = journal_next_of_marks(r->db, r->db, d.position,
                                       slice_of(&marks), &d, e)) == 1) {
        rc = d.position <= head ? repeat_delivery(r, &d, site, e) : 1;
    }
    bytes_free(&marks);
    return rc < 0 ? rc : 0;
}

int replica_repeat(struct replica *r, size_t from, struct err *e)
{
    const struct registry *registry = r->merger.registry;
    int rc = 0;
    for (size_t i = from; rc == 0 && i < registry_certificate_count(registry);
         i++) {
        const struct certificate *c = registry_certificate_at(registry, i);
        const struct value site = value_text(c->site);
        bool first = registry_node_of(registry, site.bytes) == &c->node;
        if (first && registry_has_addressed(registry, site.bytes)) {
            rc = repeat_site(r, site.bytes, e);
        }
    }
    return rc;
}
