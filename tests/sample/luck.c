/* SPDX-License-Identifier: Apache-2.0 */
#include "luck.h"

#include "protocol/bytes.h"
#include "protocol/instant.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)
#define INDIA_MS (330 * MINUTE_MS) /* ahead of UTC */

struct dice luck_of(uint64_t seed, uint64_t what, uint64_t which)
{
    struct dice d = {seed};
    d.state = dice_u64(&d) ^ (what << 32 | which);
    d.state = dice_u64(&d);
    return d;
}

bool luck_in_10000(struct dice *d, int often)
{
    return dice_below(d, 10000) < (size_t)often;
}

int luck_between(struct dice *d, int low, int high)
{
    assert(low <= high);
    size_t sides = (size_t)high - (size_t)low + 1;
    return low + (int)dice_below(d, sides);
}

/* What instant_print_*() appended, moved into a text of known size. */
static void take(struct bytes *from, char *to, size_t size)
{
    assert(from->len == size - 1);
    memcpy(to, from->data, from->len);
    to[from->len] = '\0';
    bytes_free(from);
}

struct day_text day_text(int day)
{
    struct day_text t;
    struct bytes b = {0};
    bool exists = instant_print_day(day, &b);
    assert(exists);
    take(&b, t.text, sizeof t.text);
    return t;
}

int day_year(int day)
{
    return (int)strtol(day_text(day).text, NULL, 10);
}

int day_month(int day)
{
    return (int)strtol(day_text(day).text + 5, NULL, 10);
}

static int64_t moment_ms(int day, int minute)
{
    return day * DAY_MS + minute * MINUTE_MS - INDIA_MS;
}

struct moment moment_at(int day, int minute)
{
    struct moment m;
    struct bytes b = {0};
    bool exists = instant_print_ms(moment_ms(day, minute), &b);
    assert(exists);
    take(&b, m.text, sizeof m.text);
    return m;
}

struct key key_at(struct dice *d, int day, int minute)
{
    struct key k;
    uint64_t ms = (uint64_t)moment_ms(day, minute) + dice_below(d, 60000);
    uint64_t a = dice_u64(d);
    uint64_t b = dice_u64(d);
    (void)snprintf(k.text, sizeof k.text, "%08x-%04x-7%03x-%04x-%012llx",
                   (unsigned)(ms >> 16), (unsigned)(ms & 0xffff),
                   (unsigned)(a & 0xfff), 0x8000U | (unsigned)(b >> 50),
                   (unsigned long long)(b & 0xffffffffffff));
    return k;
}
