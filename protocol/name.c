/* SPDX-License-Identifier: Apache-2.0 */
#include "name.h"

#include "limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct part {
    char text[NAME_PART_BYTES_MAX + 1];
};

struct parts {
    struct part list[NAME_PARTS_MAX];
    size_t count;
};

struct change {
    const char *from;
    const char *to;
};

/* Names of half the country, and what stands before a name. */
static const char *const left_out[] = {
    "singh", "sing", "kaur",     "kour", "kumar", "kumari", "devi",
    "shri",  "sri",  "shree",    "smt",  "sh",    "mr",     "mrs",
    "ms",    "miss", "shrimati", "dr",   "late",  "km"};

static const struct change short_forms[] = {
    {"md", "mohamad"}, {"mohd", "mohamad"}, {"gh", "ghulam"}, {"ab", "abdul"}};

static const struct change sounds[] = {
    {"ph", "f"}, {"bh", "b"}, {"kh", "k"}, {"gh", "g"}, {"th", "t"},
    {"dh", "d"}, {"sh", "s"}, {"ee", "i"}, {"ea", "i"}, {"oo", "u"},
    {"ou", "u"}, {"w", "v"},  {"z", "j"}};

enum {
    LEFT_OUT = sizeof left_out / sizeof left_out[0],
    SHORT_FORMS = sizeof short_forms / sizeof short_forms[0],
    SOUNDS = sizeof sounds / sizeof sounds[0],
};

/* --- parts ---------------------------------------------------------------- */

/* A letter, small; 0: it stands between parts. */
static char letter_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    bool is_letter = (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
    return is_letter ? c : '\0';
}

static void split(const char *name, struct parts *ret)
{
    ret->count = 0;
    while (name != NULL && *name != '\0' && ret->count < NAME_PARTS_MAX) {
        char *text = ret->list[ret->count].text;
        size_t len = 0;
        for (; letter_of(*name) != '\0'; name++) {
            if (len < NAME_PART_BYTES_MAX) {
                text[len++] = letter_of(*name);
            }
        }
        text[len] = '\0';
        ret->count += len > 0;
        name += *name != '\0';
    }
}

static bool is_left_out(const struct part *p)
{
    for (size_t i = 0; i < LEFT_OUT; i++) {
        if (strcmp(p->text, left_out[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Who has no other name keeps what else is left out. */
static void leave_out(struct parts *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        kept += !is_left_out(&p->list[i]);
    }
    if (kept == 0) {
        return;
    }
    kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (!is_left_out(&p->list[i])) {
            p->list[kept++] = p->list[i];
        }
    }
    p->count = kept;
}

/* --- sounds --------------------------------------------------------------- */

static void write_out(struct part *p)
{
    for (size_t i = 0; i < SHORT_FORMS; i++) {
        if (strcmp(p->text, short_forms[i].from) == 0) {
            (void)snprintf(p->text, sizeof p->text, "%s", short_forms[i].to);
            return;
        }
    }
}

/* The sound that a text begins with, or NULL. */
static const struct change *sound_at(const char *text)
{
    for (size_t i = 0; i < SOUNDS; i++) {
        if (strncmp(text, sounds[i].from, strlen(sounds[i].from)) == 0) {
            return &sounds[i];
        }
    }
    return NULL;
}

/* No sound is longer than what it is written with: in place. */
static void replace_sounds(char *text)
{
    char *to = text;
    while (*text != '\0') {
        const struct change *c = sound_at(text);
        *to++ = c == NULL ? *text : c->to[0];
        text += c == NULL ? 1 : strlen(c->from);
    }
    *to = '\0';
}

static void shorten(char *text)
{
    char last = '\0';
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (at != text && *at == 'h') {
            continue;
        }
        bool doubled = *at == last && (unsigned char)*at < 0x80;
        bool vowel = strchr("aeiou", *at) != NULL;
        last = *at;
        if (at == text || (!doubled && !vowel)) {
            *to++ = *at;
        }
    }
    *to = '\0';
}

static void sound(struct part *p)
{
    write_out(p);
    replace_sounds(p->text);
    shorten(p->text);
}

static int compare_parts(const void *a, const void *b)
{
    return strcmp(((const struct part *)a)->text,
                  ((const struct part *)b)->text);
}

static void sounds_of(const char *name, struct parts *ret)
{
    split(name, ret);
    leave_out(ret);
    for (size_t i = 0; i < ret->count; i++) {
        sound(&ret->list[i]);
    }
    if (ret->count > 0) {
        qsort(ret->list, ret->count, sizeof ret->list[0], compare_parts);
    }
}

void name_sound(const char *name, struct bytes *out)
{
    struct parts p;
    sounds_of(name, &p);
    for (size_t i = 0; i < p.count; i++) {
        bytes_put(out, " ", i > 0);
        bytes_put(out, p.list[i].text, strlen(p.list[i].text));
    }
}

bool name_sounds_like(const char *name, const char *asked)
{
    struct parts has;
    struct parts wanted;
    sounds_of(name, &has);
    sounds_of(asked, &wanted);
    for (size_t i = 0; i < wanted.count; i++) {
        if (has.count == 0 ||
            bsearch(&wanted.list[i], has.list, has.count, sizeof has.list[0],
                    compare_parts) == NULL) {
            return false;
        }
    }
    return wanted.count > 0;
}

/* --- keys ----------------------------------------------------------------- */

static bool is_known(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void put_text(struct bytes *out, const char *text)
{
    bytes_put(out, text, strlen(text));
}

static void put_year(struct bytes *out, int64_t year)
{
    char text[24];
    (void)snprintf(text, sizeof text, "|%" PRId64, year);
    put_text(out, text);
}

/* Family and given name are one: which is which differs from form to form. */
static void put_whole_name(const struct name_facts *f, struct bytes *out)
{
    struct bytes whole = {0};
    put_text(&whole, f->given == NULL ? "" : f->given);
    bytes_put_u8(&whole, ' ');
    put_text(&whole, f->family == NULL ? "" : f->family);
    bytes_put_u8(&whole, '\0');
    name_sound((const char *)whole.data, out);
    bytes_free(&whole);
}

bool name_key(const struct name_facts *f, struct bytes *out)
{
    size_t begin = out->len;
    if (f->birth_year == 0 || !is_known(f->sex) ||
        strcmp(f->sex, "unknown") == 0) {
        return false;
    }
    put_whole_name(f, out);
    size_t named = out->len;
    bytes_put_u8(out, '|');
    name_sound(f->parent == NULL ? "" : f->parent, out);
    if (named == begin || out->len == named + 1) {
        out->len = begin;
        return false;
    }
    put_year(out, f->birth_year);
    bytes_put_u8(out, '|');
    put_text(out, f->sex);
    return true;
}

bool name_key2(const struct name_facts *f, struct bytes *out)
{
    struct parts p;
    struct part whole = {.text = ""};
    split(f->given, &p);
    leave_out(&p);
    if (f->birth_year == 0 || p.count == 0) {
        return false;
    }
    for (size_t i = 0; i < p.count; i++) {
        size_t used = strlen(whole.text);
        write_out(&p.list[i]);
        (void)snprintf(whole.text + used, sizeof whole.text - used, "%s",
                       p.list[i].text);
    }
    replace_sounds(whole.text);
    shorten(whole.text);
    put_text(out, whole.text);
    put_year(out, f->birth_year);
    return true;
}
