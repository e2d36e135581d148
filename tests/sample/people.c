/* SPDX-License-Identifier: Apache-2.0 */
#include "people.h"

#include "protocol/number.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A given name is a head and a tail, a family name too. */
enum { PARTS = 16 };
static const struct {
    const char *men[PARTS];
    const char *women[PARTS];
    const char *tails[PARTS];
    const char *family[PARTS];
    const char *family_tails[PARTS];
} words[ACCENTS] = {
    [ACCENT_PUNJAB] =
        {{"Gur", "Har", "Jas", "Bal", "Man", "Sukh", "Par", "Tej", "Kul", "Dil",
          "Nav", "Ram", "Amar", "Kar", "Sat", "Vir"},
         {"Simar", "Kiran", "Navneet", "Rup", "Jas", "Man", "Pal", "Raj",
          "Sukh", "Har", "Amrit", "Bal", "Kal", "Par", "Gur", "Preet"},
         {"namoon", "misal", "kalpit", "farzi", "nakli", "aarzi", "khayal",
          "udahar", "tasveer", "kahani", "nakal", "parcha", "sapna", "tarkib",
          "lekh", "patar"},
         {"Namoona", "Misal", "Kalpit", "Farzi", "Nakli", "Aarzi", "Khayali",
          "Udahar", "Kahani", "Sapna", "Tasvir", "Parcha", "Lekha", "Tarkib",
          "Patra", "Nakal"},
         {"wal", "pur", "garh", "kot", "ana", "wali", "sar", "pal", "war",
          "dal", "nagar", "bad", "kala", "mand", "chak", "tar"}},
    [ACCENT_MIZORAM] = {{"Lal", "Zo", "Hming", "Rem", "Thang", "Van", "Mual",
                         "Sang", "Chhan", "Dar", "Hnem", "Khawl", "Lian", "Mal",
                         "Ram", "Tlan"},
                        {"Lal", "Zo", "Hming", "Rem", "Biak", "Van", "Mawi",
                         "Sang", "Chhan", "Dar", "Hnem", "Khawl", "Lian", "Mal",
                         "Ram", "Tlan"},
                        {"entawna", "suangtuah", "dinglo", "namuna", "tehna",
                         "hrulthil", "ramri", "lungrem", "thawnthu", "tiam",
                         "ruahna", "zir", "lem", "hming", "tluk", "ang"},
                        {"Entawn", "Suangtuah", "Dinglo", "Namuna", "Tehna",
                         "Hrulthil", "Ramri", "Lungrem", "Thawnthu", "Tiam",
                         "Ruahna", "Zir", "Lem", "Hming", "Tluk", "Ang"},
                        {"a", "i", "ka", "ga", "ma", "na", "pa", "ra", "sa",
                         "ta", "va", "za", "lua", "dia", "hla", "thla"}},
    [ACCENT_SPANISH] =
        {{"Ejem", "Muest", "Imag", "Fict", "Supu", "Invent", "Model", "Prueb",
          "Cuent", "Sueñ", "Copi", "Figur", "Relat", "Pens", "Trat", "Dibuj"},
         {"Ejem", "Muest", "Imag", "Fict", "Supu", "Invent", "Model", "Prueb",
          "Cuent", "Sueñ", "Copi", "Figur", "Relat", "Pens", "Trat", "Dibuj"},
         {"lino", "aldo", "erto", "ano", "iano", "enio", "isto", "oro", "asio",
          "elio", "imo", "urino", "acio", "emio", "odoro", "ulfo"},
         {"Ejemplo", "Muestra", "Ficticio", "Supuesto", "Modelo", "Prueba",
          "Invento", "Figura", "Cuento", "Relato", "Copia", "Trato", "Dibujo",
          "Papel", "Boceto", "Ensayo"},
         {"", "s", "z", "dez", "rez", "nez", "les", "ta", "ra", "mar", "sol",
          "val", "rio", "luz", "paz", "mon"}},
};

static const char *const localities[] = {
    "Nakli Chowk",    "Misal Gate",   "Kot Farzi", "Pind Namoona",
    "Khayali Bazaar", "Basti Kalpit", "Chak 000"};

static const char *draw_word(struct dice *d, const char *const list[PARTS])
{
    return list[dice_below(d, PARTS)];
}

void name_draw(struct dice *d, enum accent accent, bool woman,
               char out[NAME_BYTES])
{
    const char *head =
        draw_word(d, woman ? words[accent].women : words[accent].men);
    (void)snprintf(out, NAME_BYTES, "%s%s", head,
                   draw_word(d, words[accent].tails));
}

static void draw_family(struct dice *d, enum accent accent,
                        char out[NAME_BYTES])
{
    const char *head = draw_word(d, words[accent].family);
    (void)snprintf(out, NAME_BYTES, "%s%s", head,
                   draw_word(d, words[accent].family_tails));
}

void person_draw(struct person *p, struct dice *d, enum accent accent,
                 bool woman, int since)
{
    *p = (struct person){.accent = accent, .woman = woman, .since = since};
    p->key = key_at(d, since, 600);
    name_draw(d, accent, woman, p->given);
    draw_family(d, accent, p->family);
    name_draw(d, accent, false, p->parent);
    p->birth_year = day_year(since) - luck_between(d, 18, 60);
    const char *locality =
        localities[dice_below(d, sizeof localities / sizeof localities[0])];
    p->locality = accent == ACCENT_PUNJAB ? locality : NULL;
    if (luck_in_10000(d, 7000)) {
        (void)snprintf(p->phone, sizeof p->phone, "+91 00000 %05d",
                       luck_between(d, 0, 99999));
    }
}

/* --- as another clerk writes it ------------------------------------------- */

/* Spellings of one sound; see protocol/name.h. */
static const char *const spellings[][2] = {
    {"oo", "u"}, {"ee", "i"}, {"z", "j"},  {"w", "v"},  {"kh", "k"},
    {"sh", "s"}, {"l", "ll"}, {"m", "mm"}, {"n", "nn"}, {"r", "rr"}};

static bool respell(char name[NAME_BYTES], const char *from, const char *to)
{
    char rest[NAME_BYTES];
    /* never the first letter, by which names are told apart */
    char *at = name[0] == '\0' ? NULL : strstr(name + 1, from);
    if (at == NULL || strlen(name) + strlen(to) >= NAME_BYTES) {
        return false;
    }
    (void)snprintf(rest, sizeof rest, "%s", at + strlen(from));
    (void)snprintf(at, NAME_BYTES - (size_t)(at - name), "%s%s", to, rest);
    return true;
}

static void misspell(char name[NAME_BYTES], struct dice *d)
{
    enum { WAYS = sizeof spellings / sizeof spellings[0] };
    size_t first = dice_below(d, WAYS);
    for (size_t i = 0; i < WAYS; i++) {
        const char *const *way = spellings[(first + i) % WAYS];
        if (respell(name, way[0], way[1])) {
            return;
        }
    }
}

void person_misspell(struct person *p, struct dice *d)
{
    misspell(p->given, d);
    misspell(p->family, d);
    misspell(p->parent, d);
}

/* --- cards and rows ------------------------------------------------------- */

void person_card(struct person *p, uint64_t seed, uint32_t site, uint32_t card)
{
    struct hash network = {{0}};
    uint8_t key[NUMBER_KEY_BYTES];
    memcpy(network.bytes, &seed, sizeof seed);
    number_key(&network, key);
    /* One counter in seven has no number: the next of eight has. Of one card in six
     * million none of the eight has: of eight others that are no card's own, one
     * has. */
    enum { EACH = 8, ELSEWHERE = 1 << 23 };
    for (uint32_t i = 0;; i++) {
        uint32_t counter = card * EACH + i % EACH + (i < EACH ? 0 : ELSEWHERE);
        assert(i < 2 * EACH);
        if (number_print(key, (uint16_t)(site + 1), counter, p->card)) {
            return;
        }
    }
}

void person_write(struct sheets *s, const char *site, const char *district,
                  const struct person *p)
{
    static const char *const languages[ACCENTS] = {[ACCENT_PUNJAB] = "pa",
                                                   [ACCENT_MIZORAM] = "lus",
                                                   [ACCENT_SPANISH] = "es"};
    struct moment then = moment_at(p->since, 600);
    struct day_text died = day_text(p->died);
    PUT(s, site, SHEET_PERSON, field_text(p->key.text), field_text(p->card),
        field_text(p->given), field_text(p->family), field_text(p->parent),
        field_text(p->woman ? "female" : "male"), field_number(p->birth_year),
        field_text("year"), field_text(district), field_text(p->locality),
        p->phone[0] == '\0' ? NOTHING : field_text(p->phone),
        field_text(languages[p->accent]),
        p->died == 0 ? NOTHING : field_text(died.text),
        field_text(p->died == 0 ? "alive" : "dead"), field_text(site),
        field_text(then.text), field_text("Clerk Nakli"));
}
