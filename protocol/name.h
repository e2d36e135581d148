/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Name: how an Indian name written in Latin letters sounds, so that one person
 * written down twice is found though nobody spells alike, and the keys that are
 * made of it. The keys are never stored or sent in clear: what travels is a
 * keyed hash of them (person_identifier.match_token), so every site must make
 * the same key of the same name, in every version.
 *
 * The parts of a name are what stands between anything but letters. Of each:
 *
 *   1. Singh, Kaur, Kumar, Devi and titles are left out, as long as something
 *      is left; Md and Mohd are Mohamad, Gh is Ghulam, Ab is Abdul
 *   2. ph is f; bh, kh, gh, th, dh, sh are b, k, g, t, d, s; w is v, z is j;
 *      ee and ea are i; oo and ou are u
 *   3. h is left out, unless it is the first; doubles are one; vowels are left
 *      out, unless one is the first
 *
 * So Gurpreet and Gurprit are grprt, Mohd. and Muhammad mmd. It puts some names
 * together that are two (Harjit, Harjot): a key is one reason to look, with
 * parent, birth and sex beside it, and never proof. It does not know that a
 * name may begin in two ways (Bikram, Vikram), nor x for ksh. Letters that are
 * not ASCII are kept as they are: a name in another script is like itself only.
 */
#ifndef SANGAM_NAME_H
#define SANGAM_NAME_H

#include "bytes.h"

/* What keys are made of; NULL or "" is not known. */
struct name_facts {
    const char *given;
    const char *family;
    const char *parent;
    const char *sex;
    int64_t birth_year; /* 0: not known */
};

/* Appends the sounds of a name, sorted, with blanks between. Of a name of more
 * than NAME_PARTS_MAX parts the first so many, of longer parts the first
 * NAME_PART_BYTES_MAX letters. */
void name_sound(const char *name, struct bytes *out);

/* Does every part of what was asked for sound like a part of the name? False
 * when either has none. */
bool name_sounds_like(const char *name, const char *asked);

/* Appends the key of name, parent, birth year and sex: "grprt|blvndr|1990|
 * male". False, and nothing, without a name, year, parent or sex: what is left
 * would be like too many. */
bool name_key(const struct name_facts *f, struct bytes *out);

/* Appends the key of the given name written in one and a birth year: "grprt|
 * 1990", for names that are one word here and two there. False, and nothing,
 * without. */
bool name_key2(const struct name_facts *f, struct bytes *out);

#endif
