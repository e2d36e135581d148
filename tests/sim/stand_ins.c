/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Stand-ins for the parts of node/ that look at the world outside: the clock,
 * the log, the watch of a folder, the scrub's process, other processes' locks,
 * the zone table, random numbers. Their headers say what each is.
 */
#include "stand_ins.h"

#include "files.h"
#include "machine.h"
#include "node/clock.h"
#include "node/holders.h"
#include "node/log.h"
#include "node/scrubber.h"
#include "node/watch.h"
#include "node/zone.h"
#include "protocol/limits.h"
#include "store/schema.h"

#include <assert.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- chance ------------------------------------------------------------------ */

static const char *chance_name(void)
{
    return "sim";
}

static uint32_t chance_random(void)
{
    return (uint32_t)dice_u64(&sim.chance);
}

static void chance_fill(void *const out, const size_t len)
{
    dice_fill(&sim.chance, out, len);
}

static randombytes_implementation chance = {
    .implementation_name = chance_name,
    .random = chance_random,
    .buf = chance_fill,
};

void stand_in_for_chance(void)
{
    int rc = randombytes_set_implementation(&chance);
    assert(rc == 0 && sodium_init() >= 0);
    (void)rc;
}

/* --- signatures ---------------------------------------------------------------- */

enum { SOUNDS = 1024 };

/* Each machine that a change comes to verifies it, and each start what it knows of
 * others: a tenth of a seed's time. The same bytes under the same key verify
 * again, so what has verified once is remembered, whole. */
struct sound {
    uint8_t signature[crypto_sign_BYTES];
    uint8_t key[crypto_sign_PUBLICKEYBYTES];
    uint8_t said[256];
    size_t len; /* of it; 0: nothing is remembered here */
};

static bool is_sound(const struct sound *s, const uint8_t *signature,
                     const uint8_t *said, size_t len, const uint8_t *key)
{
    return s->len == len && memcmp(s->said, said, len) == 0 &&
           memcmp(s->signature, signature, sizeof s->signature) == 0 &&
           memcmp(s->key, key, sizeof s->key) == 0;
}

int __real_crypto_sign_verify_detached(const unsigned char *signature,
                                       const unsigned char *said,
                                       unsigned long long len,
                                       const unsigned char *key);
int __wrap_crypto_sign_verify_detached(const unsigned char *signature,
                                       const unsigned char *said,
                                       unsigned long long len,
                                       const unsigned char *key);
int __wrap_crypto_sign_verify_detached(const unsigned char *signature,
                                       const unsigned char *said,
                                       unsigned long long len,
                                       const unsigned char *key)
{
    static struct sound sounds[SOUNDS];
    struct sound *s = &sounds[(signature[0] | signature[1] << 8) % SOUNDS];
    if (len == 0 || len > sizeof s->said) {
        return __real_crypto_sign_verify_detached(signature, said, len, key);
    }
    if (is_sound(s, signature, said, len, key)) {
        return 0;
    }
    int rc = __real_crypto_sign_verify_detached(signature, said, len, key);
    if (rc == 0) {
        memcpy(s->signature, signature, sizeof s->signature);
        memcpy(s->key, key, sizeof s->key);
        memcpy(s->said, said, len);
        s->len = len;
    }
    return rc;
}

/* --- node/clock.h -------------------------------------------------------------- */

static int64_t ahead_ms(const struct machine *m)
{
    int64_t hours = (sim.now_ms - m->drift_since_ms) / (60 * 60 * 1000);
    return m->ahead_ms + hours * m->drift_ms;
}

int64_t sim_wall_ms(void)
{
    return sim.now_ms + (sim.running == NULL ? 0 : ahead_ms(sim.running));
}

int64_t clock_wall_ms(void)
{
    return sim_wall_ms();
}

int64_t clock_mono_ms(void)
{
    return sim.now_ms;
}

void clock_learn(int64_t parent_ms)
{
    sim.running->knows_parent_time = true;
    sim.running->parent_ahead_ms = parent_ms - sim.now_ms;
}

int64_t clock_correction_ms(void)
{
    const struct machine *m = sim.running;
    if (!m->knows_parent_time) {
        return 0;
    }
    int64_t off_ms = m->parent_ahead_ms - ahead_ms(m);
    bool trusted = off_ms >= -CLOCK_TRUST_MS && off_ms <= CLOCK_TRUST_MS;
    return trusted ? 0 : off_ms;
}

/* --- node/log.h ------------------------------------------------------------------ */

static void say(char level, const char *subject, const char *format,
                va_list args)
{
    char text[2 * ERR_TEXT_BYTES];
    (void)vsnprintf(text, sizeof text, format, args);
    sim_say("%s %c %s: %s", sim.running == NULL ? "nobody" : sim.running->site,
            level, subject, text);
}

#define LOG(name, level)                                                       \
    void name(const char *subject, const char *format, ...)                    \
    {                                                                          \
        va_list args;                                                          \
        va_start(args, format);                                                \
        say(level, subject, format, args);                                     \
        va_end(args);                                                          \
    }

LOG(log_error, 'E')
LOG(log_warning, 'W')
LOG(log_info, 'I')
LOG(log_debug, 'D')

void log_threshold(enum conf_level level)
{
    (void)level;
}

/* --- node/watch.h ----------------------------------------------------------------- */

enum { LOOK_MS = 10 * 1000 };

/* Whoever writes says so (machine_sql()); and a look now and then. */
struct watch *watch_new(const char *folder, const char *prefix,
                        struct err *ret_why)
{
    (void)folder;
    (void)prefix;
    if (ret_why != NULL) {
        *ret_why = (struct err){0};
    }
    return NULL;
}

void watch_destroy(struct watch **w)
{
    *w = NULL;
}

int watch_fd(const struct watch *w)
{
    (void)w;
    return -1;
}

void watch_read(struct watch *w, int64_t now_ms)
{
    (void)w;
    (void)now_ms;
}

/* Asked while the machine has its turn, and when its next one is (then nobody
 * is running: the machine asks for itself). */
int64_t watch_due_ms(const struct watch *w)
{
    (void)w;
    return sim.running != NULL ? sim.running->look_ms : INT64_MAX;
}

void watch_looked(struct watch *w, int64_t now_ms)
{
    (void)w;
    sim.running->look_ms = now_ms + LOOK_MS;
}

/* --- node/scrubber.h ---------------------------------------------------------------- */

enum { SCRUB_STARTS = 4 };

struct scrubber *scrubber_new(const char *home)
{
    (void)home;
    return NULL;
}

void scrubber_destroy(struct scrubber **s)
{
    *s = NULL;
}

/* What it repairs no later check finds: nothing but a program that wrote past the
 * triggers leaves it anything to repair. */
static void check_scrub(const struct machine *m, const struct verified *v)
{
    uint64_t found = v->differ + v->signed_rows + v->restored + v->held;
    if (found > 0 && !m->wrote_past) {
        sim_fail("[I-10] a scrub of %s finds what nobody wrote past the"
                 " triggers: %s",
                 m->site, v->first);
    }
}

/* Runs and ends here, as the process does that the daemon starts. Who starts so
 * often would do little else: until all is well one of so many comes to its end,
 * the first of each machine, and the others die before they have begun. */
int scrubber_start(struct scrubber *s, int64_t now_ms, struct err *e)
{
    struct machine *m = sim.running;
    struct replica *r = NULL;
    struct verified v = {0};
    const struct scrub_order order = {.now_ms = clock_wall_ms()};
    (void)s;
    (void)now_ms;
    if (m->scrubs++ % SCRUB_STARTS != 0 && !sim.well) {
        return 0;
    }
    const struct replica_start start = {.schema = m->schema, .as_tool = true};
    int rc = replica_open(m->path, &m->keys, &start, &r, e);
    if (rc == 0) {
        rc = replica_scrub(r, &order, &v, e);
    }
    replica_close(&r);
    sim_say("%s scrubbed: %llu rows, %llu differ, %llu signed, %llu put back, "
            "%llu held: %s",
            m->site, (unsigned long long)v.rows, (unsigned long long)v.differ,
            (unsigned long long)v.signed_rows, (unsigned long long)v.restored,
            (unsigned long long)v.held, rc == 0 ? v.first : e->text);
    if (rc == 0) {
        m->scrub_held = m->scrub_held || v.held > 0;
        check_scrub(m, &v);
    } else if (!disk_is_dead(m->disk) && rc != ERR_FULL && rc != ERR_IO) {
        sim_fail("%s cannot be scrubbed: %s", m->site, e->text);
    }
    m->look_ms = sim.now_ms;
    return 0;
}

bool scrubber_runs(struct scrubber *s, int64_t now_ms)
{
    (void)s;
    (void)now_ms;
    return false;
}

/* --- what a scrub replays into ------------------------------------------------------- */

/* Half of a scrub was to make the tables of an empty file, the same ones each
 * time. So the next file of this name begins with what was made in this one; not
 * yet with a log, so that what turns it on writes, and fails, as it does. */
static void begin_with(struct database *db, const char *name)
{
    enum { WRITE_VERSION = 18, READ_VERSION = 19 }; /* sqlite.org/fileformat */
    sqlite3_int64 len = 0;
    uint8_t *data = sqlite3_serialize(database_handle(db), "main", &len, 0);
    assert(data != NULL && len > READ_VERSION);
    data[WRITE_VERSION] = 1;
    data[READ_VERSION] = 1;
    files_begin_with(name, data, (size_t)len);
}

int __real_schema_upgrade(struct database *db, const struct schema *s,
                          const struct schema_site *site, struct err *e);
int __wrap_schema_upgrade(struct database *db, const struct schema *s,
                          const struct schema_site *site, struct err *e);
int __wrap_schema_upgrade(struct database *db, const struct schema *s,
                          const struct schema_site *site, struct err *e)
{
    static const char scratch[] = ".scrub";
    const char *name = sqlite3_db_filename(database_handle(db), "main");
    const char *end = strrchr(name, '.');
    uint32_t before = 0;
    int rc = schema_of(db, s, &before, e);
    rc = rc == 0 ? __real_schema_upgrade(db, s, site, e) : rc;
    if (rc == 0 && before < schema_version(s) && strcmp(end, scratch) == 0) {
        begin_with(db, name);
    }
    return rc;
}

/* --- node/holders.h ------------------------------------------------------------------ */

void holders_find(const char *replica, enum holders_lock lock, int left_out,
                  struct holders *ret)
{
    (void)replica;
    (void)lock;
    *ret = (struct holders){.left_out = left_out, .source = HOLDERS_UNKNOWN};
}

const char *holders_say(const struct holders *h, char out[HOLDERS_TEXT_BYTES])
{
    (void)h;
    (void)snprintf(out, HOLDERS_TEXT_BYTES, "a program holds");
    return out;
}

/* --- rules, cards and numbers ----------------------------------------------------- */

/* Where there is nothing to judge by (support/small.h) nobody is asked to. */
#define ONLY_WHOLE(call, result)                                               \
    int __real_##call(struct replica *r, int64_t now_ms, struct result *ret,   \
                      struct err *e);                                          \
    int __wrap_##call(struct replica *r, int64_t now_ms, struct result *ret,   \
                      struct err *e);                                          \
    int __wrap_##call(struct replica *r, int64_t now_ms, struct result *ret,   \
                      struct err *e)                                           \
    {                                                                          \
        *ret = (struct result){0};                                             \
        return sim.whole ? __real_##call(r, now_ms, ret, e) : 0;               \
    }

ONLY_WHOLE(replica_judge, judged)
ONLY_WHOLE(replica_tell, told)
ONLY_WHOLE(replica_numbers, numbered)

/* --- node/zone.h --------------------------------------------------------------------- */

static struct zone_offset india = {.from_s = 0, .offset_s = 19800};

int zone_of_replica(const char *path, int64_t now_ms, struct zone *ret,
                    struct err *e)
{
    (void)path;
    (void)now_ms;
    (void)e;
    *ret = (struct zone){.offsets = &india, .count = 1};
    return 0;
}

void zone_clear(struct zone *z)
{
    *z = (struct zone){.count = 0};
}
