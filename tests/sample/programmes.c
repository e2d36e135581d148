/* SPDX-License-Identifier: Apache-2.0 */
#include "programmes.h"

#include "people.h"

#include "protocol/instant.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A programme: its hub, its sites, and what they write. */
struct programme {
    const char *hub;
    const char *hub_name;
    const char *site; /* with %02d */
    const char *site_name;
    const char *kind;
    const char *department;
    const char
        *districts[5]; /* of its sites, in turn; the hub's is the first */
    int sites;
    void (*write)(struct world *w, const struct programme *p, struct dice *d,
                  int nth);
};

/* The periods that a last day ends or follows. */
struct span {
    int first;
    int last;
};

static int day_of(int year, int month)
{
    char text[32];
    int64_t day = 0;
    (void)snprintf(text, sizeof text, "%04d-%02d-01", year, month);
    struct slice s = {.data = (const uint8_t *)text, .len = strlen(text)};
    bool exists = instant_parse_day(s, &day);
    assert(exists);
    return (int)day;
}

static struct span month_of(int last)
{
    return (struct span){day_of(day_year(last), day_month(last)), last};
}

/* The last that is over by that day; so the year. */
static struct span quarter_of(int last)
{
    int next = last + 1;
    int month = (day_month(next) - 1) / 3 * 3 + 1;
    int end = day_of(day_year(next), month);
    int year = day_year(end - 1);
    return (struct span){day_of(year, (day_month(end - 1) - 1) / 3 * 3 + 1),
                         end - 1};
}

static struct span year_of(int last)
{
    int end = day_of(day_year(last + 1), 1);
    return (struct span){day_of(day_year(last + 1) - 1, 1), end - 1};
}

static int draw_day(struct dice *d, struct span s)
{
    return luck_between(d, s.first, s.last);
}

/* --- what several write --------------------------------------------------- */

struct where {
    struct world *w;
    const struct programme *p;
    struct dice *d;
    char site[SITE_ID_BYTES];
    const char *district;
    int nth;
};

static const char *district_of(const struct programme *p, int nth)
{
    int count = 1;
    while (count < 5 && p->districts[count] != NULL) {
        count++;
    }
    return p->districts[(nth - 1) % count];
}

static struct where where_is(struct world *w, const struct programme *p,
                             struct dice *d, int nth)
{
    struct where at = {.w = w, .p = p, .d = d, .nth = nth};
    (void)snprintf(at.site, sizeof at.site, "%s-%02d", p->site, nth);
    at.district = district_of(p, nth);
    return at;
}

enum { CARDS_EACH = 1000 };

static struct person write_person(struct where *at, enum accent accent,
                                  bool woman, int since)
{
    struct person p;
    person_draw(&p, at->d, accent, woman, since);
    person_card(&p, at->w->seed, at->w->cards / CARDS_EACH,
                at->w->cards % CARDS_EACH);
    at->w->cards++;
    person_write(at->w->sheets, at->site, at->district, &p);
    return p;
}

static struct key write_enrolment(struct where *at, const struct person *p,
                                  const char *programme, int from, int to)
{
    struct key key = key_at(at->d, from, 610);
    struct day_text end = day_text(to);
    PUT(at->w->sheets, at->site, SHEET_ENROLMENT, field_text(key.text),
        field_text(p->key.text), field_text(programme), field_text(at->site),
        field_text(to == 0 ? "active" : "completed"), NOTHING, NOTHING, NOTHING,
        NOTHING, NOTHING, field_text(day_text(from).text),
        to == 0 ? NOTHING : field_text(end.text),
        field_text(to == 0 ? NULL : "finished"), field_text(at->site),
        field_text(moment_at(from, 610).text), field_text("Clerk"));
    return key;
}

static struct key write_training(struct where *at, const char *worker,
                                 const char *person, const char *course,
                                 const char *cohort, int attended,
                                 const char *practical, int done)
{
    struct key key = key_at(at->d, done, 900);
    PUT(at->w->sheets, at->site, SHEET_TRAINING, field_text(key.text),
        field_text(worker), field_text(person), field_text(course),
        field_text(cohort), field_number(20), field_number(attended),
        field_text(practical), field_text(day_text(done).text),
        field_text("Trainer"), field_text(at->site),
        field_text(moment_at(done, 900).text), field_text("Trainer"));
    return key;
}

static void write_work(struct where *at, const struct person *p,
                       const struct key *training, const char *course,
                       bool in_trade, int day)
{
    struct key key = key_at(at->d, day, 740);
    PUT(at->w->sheets, at->site, SHEET_PLACEMENT, field_text(key.text),
        field_text(p->key.text), NOTHING,
        field_text(luck_in_10000(at->d, 8000) ? "job" : "self_employment"),
        field_text("labour"), field_text(at->site), field_text(course),
        field_text("Taller Ejemplo"), NOTHING, field_number(in_trade),
        training == NULL ? NOTHING : field_text(training->text),
        field_text("placed"), field_text(day_text(day).text),
        field_text(day_text(day).text), field_text(at->site),
        field_text(moment_at(day, 740).text), field_text("Clerk"));
}

/* --- prisons of Punjab ---------------------------------------------------- */

static struct key write_group(struct where *at, const char *name, int since)
{
    struct key key = key_at(at->d, since, 520);
    PUT(at->w->sheets, at->site, SHEET_GROUP, field_text(key.text),
        field_text(name), field_text("NA_HI"), field_text(at->site),
        field_text("NA Namoona"), field_number(3), field_number(5),
        field_text("outside_volunteers"), field_text("active"),
        field_text(day_text(since).text), field_text(at->site),
        field_text(moment_at(since, 520).text), field_text("Clerk"));
    return key;
}

static void write_session(struct where *at, const struct key *group, int day,
                          const char *outcome, const char *reason, int heads)
{
    struct key key = key_at(at->d, day, 1080);
    bool held = strcmp(outcome, "held") == 0;
    PUT(at->w->sheets, at->site, SHEET_SESSION, field_text(key.text),
        field_text(group->text), field_text(at->site),
        field_text(day_text(day).text), held ? field_number(60) : NOTHING,
        field_text(outcome), field_text(reason),
        held ? field_text(luck_in_10000(at->d, 2500) ? "inmate_peers" : "mixed")
             : NOTHING,
        NOTHING, held ? field_number(luck_between(at->d, 2, 5)) : NOTHING,
        held ? field_number(heads) : NOTHING, held ? field_number(0) : NOTHING,
        held ? field_number(luck_between(at->d, 0, 9)) : NOTHING,
        field_text(at->site), field_text(moment_at(day, 1140).text),
        field_text("Clerk"));
}

/* Nineteen in the network; in the six others no meeting was held yet. One jail's
 * group is as much larger as another's is smaller. */
static void write_jail(struct world *w, const struct programme *p,
                       struct dice *d, int nth)
{
    enum { IN_NETWORK = 19, HEADS = 81 };
    struct where at = where_is(w, p, d, nth);
    struct span month = month_of(w->last);
    struct key group = write_group(&at, "Nayi Misal", month.first - 400);
    int other = (nth % 2 == 0 ? 1 : -1) * ((nth + 1) / 2 * 4 % 36);
    int heads = HEADS + (nth == IN_NETWORK ? 0 : other);
    for (int day = month.first; day <= month.last; day++) {
        if (nth > IN_NETWORK && day % 7 == 1) {
            write_session(&at, &group, day, "cancelled_facility", "alarm", 0);
        } else if (nth <= IN_NETWORK && day % 7 % 2 == 1) {
            bool held = luck_in_10000(d, 9000);
            write_session(&at, &group, day, held ? "held" : "cancelled_team",
                          NULL, heads + luck_between(d, -6, 6));
        }
    }
}

/* --- OST in Mizoram ------------------------------------------------------- */

static void write_ost_client(struct where *at)
{
    enum { DAYS = 10, MCG = 4000 };
    struct world *w = at->w;
    int since = w->last - luck_between(at->d, 40, 900);
    struct person p =
        write_person(at, ACCENT_MIZORAM, luck_in_10000(at->d, 1200), since);
    struct key enrolment = write_enrolment(at, &p, "OST", since, 0);
    struct key order = key_at(at->d, since, 620);
    PUT(w->sheets, at->site, SHEET_ORDER, field_text(order.text),
        field_text(enrolment.text), field_text(p.key.text),
        field_text("BUP-NAL-2"), field_number(MCG), field_text("observed"),
        field_number(0), field_text(day_text(since).text), NOTHING,
        field_text("active"), NOTHING, field_text("Dr Lalentawna"),
        field_text(at->site), field_text(at->site),
        field_text(moment_at(since, 620).text));
    for (int day = w->last - DAYS + 1; day <= w->last; day++) {
        struct key key = key_at(at->d, day, 600);
        PUT(w->sheets, at->site, SHEET_DOSE, field_text(key.text),
            field_text(p.key.text), field_text(enrolment.text),
            field_text(order.text), field_text(at->site),
            field_text(day_text(day).text),
            field_text(moment_at(day, 600).text), field_text("observed"),
            field_text("BUP-NAL-2"), field_number(MCG / 2000),
            field_number(MCG), field_number(1), NOTHING,
            field_text("photo_card"), field_text("Nurse Zonamuna"), NOTHING,
            NOTHING, NOTHING, field_text(at->site),
            field_text(moment_at(day, 603).text));
    }
}

static void write_ost_centre(struct world *w, const struct programme *p,
                             struct dice *d, int nth)
{
    struct where at = where_is(w, p, d, nth);
    int clients = luck_between(d, 51, 60);
    for (int i = 0; i < clients; i++) {
        write_ost_client(&at);
    }
}

/* --- guidance in Chile ---------------------------------------------------- */

static void write_guidance(struct world *w, const struct programme *p,
                           struct dice *d, int nth)
{
    enum { PARTICIPANTS = 120 };
    struct where at = where_is(w, p, d, nth);
    struct span year = year_of(w->last);
    for (int i = 0; i < PARTICIPANTS; i++) {
        int end = draw_day(d, year);
        struct person q = write_person(&at, ACCENT_SPANISH,
                                       luck_in_10000(d, 4000), end - 150);
        (void)write_enrolment(&at, &q, "labour_guidance", end - 120, end);
        int found = end + luck_between(d, -30, 150);
        if (luck_in_10000(d, 7000)) {
            write_work(&at, &q, NULL, NULL, false,
                       found < w->last ? found : w->last);
        }
    }
}

/* --- mentors of Trinidad -------------------------------------------------- */

static struct key write_mentor(struct where *at, const char *cohort,
                               bool passes, int done)
{
    struct key key = key_at(at->d, done - 60, 500);
    char name[NAME_BYTES];
    name_draw(at->d, ACCENT_SPANISH, dice_even(at->d), name);
    PUT(at->w->sheets, at->site, SHEET_WORKER, field_text(key.text),
        field_text("mentor"), field_text(name), field_text("Grupo Ejemplo"),
        field_text(at->site), field_text(at->district),
        field_text(passes ? "active" : "paused"), NOTHING, field_text(at->site),
        field_text(moment_at(done - 60, 500).text), field_text("Clerk"));
    /* who does not pass was there too seldom, or failed the practical */
    bool seldom = !passes && dice_even(at->d);
    (void)write_training(at, key.text, NULL, "MENTOR-CCM", cohort,
                         seldom ? luck_between(at->d, 12, 17)
                                : luck_between(at->d, 18, 20),
                         passes || seldom ? "pass" : "fail", done);
    if (passes) {
        struct key paper = key_at(at->d, done, 910);
        PUT(at->w->sheets, at->site, SHEET_CREDENTIAL, field_text(paper.text),
            field_text(key.text), field_text("mentor_cert"), NOTHING,
            field_text(at->site), field_text("Oficina Modelo"),
            field_text(at->site), field_text(day_text(done).text), NOTHING,
            field_text("active"), field_text(day_text(done).text),
            field_text(at->site), field_text(moment_at(done, 910).text),
            field_text("Clerk"));
    }
    return key;
}

static void write_mentee(struct where *at, const struct key *mentor, int since)
{
    struct key key = key_at(at->d, since, 760);
    struct person p =
        write_person(at, ACCENT_SPANISH, luck_in_10000(at->d, 3000), since);
    (void)write_enrolment(at, &p, "CCM", since, 0);
    PUT(at->w->sheets, at->site, SHEET_MENTOR, field_text(key.text),
        field_text(mentor->text), field_text(p.key.text), field_text(at->site),
        field_text(at->district), field_text(day_text(since).text),
        field_text("active"), field_number(4), field_text(at->site),
        field_text(moment_at(since, 760).text), field_text("Clerk"));
}

/* Nine finish at each of three sites, in two groups; in all four do not pass. Of
 * the people to be mentored most live in the second district. */
static void write_mentors(struct world *w, const struct programme *p,
                          struct dice *d, int nth)
{
    enum { FINISH = 9, CROWDED = 2 };
    struct where at = where_is(w, p, d, nth);
    int done = draw_day(d, year_of(w->last));
    int fail = nth == 1 ? 2 : 1;
    struct key mentors[FINISH];
    for (int i = 0; i < FINISH; i++) {
        mentors[i] = write_mentor(&at, i % 2 == 0 ? "TT group 1" : "TT group 2",
                                  i >= fail, done);
    }
    int mentees = nth == CROWDED ? 46 : luck_between(d, 8, 11);
    for (int i = 0; i < mentees; i++) {
        write_mentee(&at, &mentors[fail + i % (FINISH - fail)],
                     luck_between(d, done + 1, w->last));
    }
}

/* --- San Patrignano ------------------------------------------------------- */

static void write_trades(struct world *w, const struct programme *p,
                         struct dice *d, int nth)
{
    enum { PLACED = 150 };
    struct where at = where_is(w, p, d, nth);
    for (int i = 0; i < PLACED; i++) {
        int day = draw_day(d, year_of(w->last));
        struct person q = write_person(&at, ACCENT_SPANISH,
                                       luck_in_10000(d, 2500), day - 900);
        struct key course =
            write_training(&at, NULL, q.key.text, "TRADE-SP", NULL,
                           luck_between(d, 16, 20), "pass", day - 20);
        write_work(&at, &q, &course, "TRADE-SP", luck_in_10000(d, 8000), day);
    }
}

/* --- gates of New York ---------------------------------------------------- */

static void write_gate(struct world *w, const struct programme *p,
                       struct dice *d, int nth)
{
    static const char *const reasons[] = {"prior_record", "prior_record",
                                          "clearance", "no_list", "alarm"};
    struct where at = where_is(w, p, d, nth);
    struct span quarter = quarter_of(w->last);
    struct key group = write_group(&at, "Sample Circle", quarter.first - 200);
    for (int day = quarter.first; day <= quarter.last; day += 3) {
        bool refused = luck_in_10000(d, 2500);
        write_session(&at, &group, day, refused ? "denied_entry" : "held",
                      refused ? reasons[dice_below(d, 5)] : NULL,
                      luck_between(d, 6, 14));
    }
}

/* --- aftercare in Jammu and Kashmir --------------------------------------- */

static void write_contact(struct where *at, const struct person *p,
                          const struct key *enrolment, int due,
                          const char *department)
{
    bool found = luck_in_10000(at->d, 7000);
    bool late = luck_in_10000(at->d, 1000);
    int done = due + (late ? luck_between(at->d, 15, 40)
                           : luck_between(at->d, -6, 12));
    found = found && done <= at->w->last;
    int written = found ? done : due;
    struct key key = key_at(at->d, written, 700);
    PUT(at->w->sheets, at->site, SHEET_FOLLOWUP, field_text(key.text),
        field_text(p->key.text), field_text(enrolment->text),
        field_text(day_text(due).text),
        found ? field_text(day_text(done).text) : NOTHING,
        field_text(found ? "visit" : "none"),
        field_text(found ? "contacted" : "missed"), NOTHING,
        field_text(day_text(due + 91).text), field_text(department),
        field_text(at->site), field_text(moment_at(written, 700).text),
        field_text("Clerk"));
}

static void write_aftercare(struct world *w, const struct programme *p,
                            struct dice *d, int nth)
{
    static const char *const departments[] = {"health", "social_welfare",
                                              "skill"};
    struct where at = where_is(w, p, d, nth);
    struct span quarter = quarter_of(w->last);
    int people = luck_between(d, 50, 70);
    for (int i = 0; i < people; i++) {
        int since = quarter.first - luck_between(d, 100, 900);
        struct person q =
            write_person(&at, ACCENT_PUNJAB, luck_in_10000(d, 1000), since);
        struct key key = write_enrolment(&at, &q, "aftercare", since, 0);
        write_contact(&at, &q, &key, draw_day(d, quarter),
                      departments[dice_below(d, 3)]);
    }
}

/* --- all ------------------------------------------------------------------ */

static const struct programme all[] = {
    {"PB-JL-H",
     "Peer Support Network, Punjab prisons",
     "PB-JL",
     "Namoona Jail",
     "prison",
     "jails",
     {"PB-JL"},
     25,
     write_jail},
    {"MZ-H",
     "OST, Aizawl",
     "MZ",
     "Zonamuna OST Centre",
     "ost_centre",
     "health",
     {"MZ-AZL"},
     2,
     write_ost_centre},
    {"CL-H",
     "Labour guidance, Chile",
     "CL",
     "Oficina Ejemplo",
     "vocational",
     "labour",
     {"CL-RM", "CL-VA", "CL-BI", "CL-AR", "CL-MA"},
     5,
     write_guidance},
    {"TT-H",
     "Case care management, Trinidad",
     "TT",
     "Sample House",
     "drop_in",
     "ngo",
     {"TT-N", "TT-S", "TT-E"},
     3,
     write_mentors},
    {"IT-H",
     "Education and work, San Patrignano",
     "IT",
     "Scuola Esempio",
     "vocational",
     "ngo",
     {"IT-SP"},
     1,
     write_trades},
    {"NY-H",
     "Peers in jails, New York",
     "NY",
     "Sample County Jail",
     "prison",
     "jails",
     {"NY-A", "NY-B", "NY-C"},
     3,
     write_gate},
    {"JK-H",
     "Lifelong rehabilitation, Jammu and Kashmir",
     "JK",
     "Misal Rehabilitation Office",
     "rehab",
     "social_welfare",
     {"JK-SRI", "JK-BAR", "JK-ANG", "JK-JAM"},
     4,
     write_aftercare},
};

static void write_site(struct world *w, const char *id, const char *name,
                       const char *kind, const char *department,
                       const char *district, const char *parent)
{
    PUT(w->sheets, "PB-HQ", SHEET_REF_SITE, field_text(id), field_text(name),
        field_text(kind), field_text(department), field_text(district),
        field_text(parent), NOTHING, field_text("2020-01-01"));
}

static void write_places(struct world *w, const struct programme *p)
{
    write_site(w, p->hub, p->hub_name, "district_hub", p->department,
               p->districts[0], "PB-HQ");
    for (int nth = 1; nth <= p->sites; nth++) {
        struct where at = where_is(w, p, NULL, nth);
        char name[80];
        (void)snprintf(name, sizeof name, "%s %d", p->site_name, nth);
        write_site(w, at.site, name, p->kind, p->department, at.district,
                   p->hub);
    }
}

static void write_courses_and_reasons(struct sheets *s)
{
    PUT(s, "PB-HQ", SHEET_REF_COURSE, field_text("MENTOR-CCM"),
        field_text("mentor"), field_text("Course for mentors"),
        field_number(40), field_number(20), field_number(1),
        field_text("mentor_cert"), field_number(36));
    PUT(s, "PB-HQ", SHEET_REF_COURSE, field_text("TRADE-SP"),
        field_text("vocational"), field_text("A trade"), field_number(900),
        field_number(20), field_number(1), NOTHING, NOTHING);
    PUT(s, "PB-HQ", SHEET_REF_CODE, field_text("denial_reason"),
        field_text("prior_record"), field_text("The peer has a record"));
}

void programmes_write(struct world *w)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const struct programme *p = &all[i];
        write_places(w, p);
        for (int nth = 1; nth <= p->sites; nth++) {
            struct dice d = luck_of(w->seed, 1000 + i, (uint64_t)nth);
            p->write(w, p, &d, nth);
        }
    }
    write_courses_and_reasons(w->sheets);
}
