/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The simulator's program: lives through seeds, each in a process of its own,
 * and makes one that fails as small as it can.
 */
#include "sim.h"

#include "check.h"
#include "memory.h"
#include "network.h"
#include "papers.h"
#include "stand_ins.h"
#include "store/schema.h"
#include "support/small.h"
#include "world.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_BYTES = 1024,
    SEED_SECONDS_MAX = 300, /* longer, and it hangs */
    JOBS_MAX = 64,
    /* One seed of so many knows the whole schema, and the rules. */
    WHOLE_SEEDS = 32,
    /* So many in a row, but for these, have one beginning: the same machines,
     * with the same keys. To make them is a third of a life. */
    KIN_SEEDS = 16,
};

struct sim sim;

/* What became of a seed. */
struct result {
    uint64_t seed;
    bool failed;
    char says[LINE_BYTES];
    uint64_t trace;
    int machines;
    int steps;
    int64_t lived_ms;
    int64_t healed_ms;
    uint64_t written;
    uint64_t refused;
    uint64_t faults[FAULT_KINDS];
    struct network_counts network;
};

static struct world w;
static struct result result;
static int result_fd = -1;

/* --- what a seed says ------------------------------------------------------------- */

void sim_say(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)len;
    for (const char *c = line; *c != '\0'; c++) { /* FNV-1a */
        sim.trace = (sim.trace ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    }
    sim.trace = (sim.trace ^ (uint64_t)sim.now_ms) * UINT64_C(0x100000001b3);
    if (sim.traces) {
        printf("%" PRId64 ".%03d %s\n", sim.now_ms / 1000,
               (int)(sim.now_ms % 1000), line);
    }
}

static bool write_result(void)
{
    return write(result_fd, &result, sizeof result) == (ssize_t)sizeof result;
}

enum { ENDED_WELL, ENDED_FAILED, ENDED_DUMB };

static noreturn void end_seed(int code)
{
    (void)fflush(stdout);
    result.trace = sim.trace;
    result.machines = w.count;
    result.steps = w.steps;
    result.lived_ms = sim.now_ms - w.began_ms;
    result.healed_ms = w.healed_ms;
    result.written = w.written_count;
    result.refused = w.sql_refused;
    result.network = network_counts;
    memcpy(result.faults, w.faults, sizeof result.faults);
    _exit(write_result() ? code : ENDED_DUMB);
}

void sim_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(result.says, sizeof result.says, format, args);
    va_end(args);
    sim_say("FAILED: %s", result.says);
    result.failed = true;
    end_seed(ENDED_FAILED);
}

static bool is_whole(uint64_t seed)
{
    return seed % WHOLE_SEEDS == 0;
}

/* What the beginning of a seed's world is drawn from. */
static uint64_t beginning_of(uint64_t seed)
{
    return is_whole(seed) ? seed : seed - seed % KIN_SEEDS + 1;
}

static void make_world(const struct plan *plan)
{
    (void)alarm(SEED_SECONDS_MAX);
    result.seed = plan->seed;
    sim.now_ms = INT64_C(1790000000000);
    /* Locks and sums that nobody needs here, a tenth of the time. */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    /* As store/ has it, where nothing has opened a database before. */
    (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 1);
    memory_install();
    stand_in_for_chance();
    sim.whole = is_whole(plan->seed);
    sim.schema = papers_schema(sim.whole ? &schema_embedded : small_schema());
    storage_install();
    world_make(&w, beginning_of(plan->seed), plan->machines);
}

static noreturn void live(const struct plan *plan)
{
    (void)alarm(SEED_SECONDS_MAX);
    result.seed = plan->seed;
    world_live(&w, plan);
    world_heal(&w);
    check_world(&w);
    end_seed(ENDED_WELL);
}

/* --- processes ---------------------------------------------------------------------- */

/* Seeds in a row with one beginning. */
struct kin {
    struct plan plan; /* of the first */
    uint64_t count;
    bool one_failure; /* no more after it, */
    time_t end;       /* or after this moment; 0: whenever it is */
};

struct job {
    pid_t pid; /* 0: free */
    int fd;
    struct kin kin;
};

/* A process that ended without a word crashed: an assert, or worse. */
static void tell_crash(struct result *r, uint64_t seed, int status)
{
    *r = (struct result){.seed = seed, .failed = true};
    (void)snprintf(r->says, sizeof r->says, "it ended by %s",
                   WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                       : "itself, without a word");
}

/* In a process of its own, which begins where this one is. */
static bool live_beside(const struct plan *plan)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        memory_own();
        live(plan);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("sim: no process");
        _exit(ENDED_DUMB);
    }
    if (WIFSIGNALED(status) || WEXITSTATUS(status) == ENDED_DUMB) {
        tell_crash(&result, plan->seed, status);
        (void)write_result();
    }
    return !WIFSIGNALED(status) && WEXITSTATUS(status) == ENDED_WELL;
}

static noreturn void live_all(const struct kin *kin)
{
    struct plan plan = kin->plan;
    make_world(&plan);
    (void)alarm(0);
    if (kin->count == 1) {
        live(&plan);
    }
    for (uint64_t i = 0; i < kin->count; i++, plan.seed++) {
        bool well = live_beside(&plan);
        if ((!well && kin->one_failure) ||
            (kin->end != 0 && time(NULL) >= kin->end)) {
            break;
        }
    }
    _exit(0);
}

static void begin_job(struct job *j, const struct kin *kin, bool traces)
{
    int fds[2];
    if (pipe(fds) != 0) {
        perror("sim: no pipe");
        exit(2);
    }
    j->kin = *kin;
    (void)fflush(stdout);
    j->pid = fork();
    if (j->pid == 0) {
        (void)close(fds[0]);
        result_fd = fds[1];
        sim.traces = traces;
        live_all(kin);
    }
    (void)close(fds[1]);
    j->fd = fds[0];
}

/* What its process says, which has ended: how many results. The pipe has room
 * for all of them. */
static size_t end_job(struct job *j, int status, struct result ret[KIN_SEEDS])
{
    size_t count = 0;
    while (count < j->kin.count &&
           read(j->fd, &ret[count], sizeof ret[count]) ==
               (ssize_t)sizeof ret[count]) {
        count++;
    }
    if (count == 0) {
        tell_crash(&ret[count++], j->kin.plan.seed, status);
    }
    (void)close(j->fd);
    j->pid = 0;
    return count;
}

static struct result run_plan(const struct plan *plan, bool traces)
{
    struct job j;
    struct result r[KIN_SEEDS];
    const struct kin alone = {.plan = *plan, .count = 1};
    int status;
    begin_job(&j, &alone, traces);
    (void)waitpid(j.pid, &status, 0);
    (void)end_job(&j, status, r);
    return r[0];
}

/* --- a smaller one that fails ---------------------------------------------------------- */

static void print_without(unsigned without)
{
    const char *between = " --without ";
    for (unsigned f = 0; f < FAULT_KINDS; f++) {
        if ((without & 1U << f) != 0) {
            printf("%s%s", between, fault_names[f]);
            between = ",";
        }
    }
}

static void print_replay(const struct plan *p)
{
    printf("sim --seed %" PRIu64, p->seed);
    if (p->machines > 0) {
        printf(" --machines %d", p->machines);
    }
    if (p->steps > 0) {
        printf(" --steps %d", p->steps);
    }
    print_without(p->without);
    printf(" --trace\n");
}

/* Do they begin with the same words? Small worlds have failures of their own. */
static bool is_alike(const char *a, const char *b)
{
    enum { BEGINNING_BYTES = 8 };
    return strncmp(a, b, BEGINNING_BYTES) == 0;
}

/* Takes the smaller plan if it fails in the same way. */
static bool shrink_to(struct plan *p, struct plan smaller, struct result *r)
{
    struct result now = run_plan(&smaller, false);
    bool same = now.failed && is_alike(now.says, r->says);
    if (same) {
        *p = smaller;
        *r = now;
    }
    return same;
}

static void shrink(struct plan *p, struct result *r)
{
    struct plan s = *p;
    if (p->steps == 0 &&
        r->steps > 0) { /* as many as it drew: the same story */
        s.steps = r->steps;
        (void)shrink_to(p, s, r);
    }
    for (unsigned f = 0; f < FAULT_KINDS; f++) {
        s = *p;
        s.without |= 1U << f;
        (void)shrink_to(p, s, r);
    }
    for (s = *p; s.steps > 1; s = *p) {
        s.steps /= 2;
        if (!shrink_to(p, s, r)) {
            break;
        }
    }
    for (int gone = 1; gone < p->steps; gone *= 2) {
        s = *p;
        s.steps -= gone;
        if (!shrink_to(p, s, r)) {
            break;
        }
    }
    for (int machines = 2; machines < 8; machines++) {
        s = *p;
        s.machines = machines;
        if ((p->machines == 0 || machines < p->machines) &&
            shrink_to(p, s, r)) {
            break;
        }
    }
}

static void tell_failure(struct plan plan, struct result r, bool shrinks)
{
    printf("seed %" PRIu64 " failed: %s\n", plan.seed, r.says);
    if (shrinks) {
        shrink(&plan, &r);
        printf("  smaller: %s\n", r.says);
    }
    printf("  again: ");
    print_replay(&plan);
    (void)fflush(stdout);
}

/* --- many ---------------------------------------------------------------------------------- */

struct asked {
    struct plan plan;
    bool one;       /* only the plan's seed */
    uint64_t count; /* of seeds, from the plan's on; 0: until time is up */
    int64_t seconds;
    int jobs;
    bool traces;
    bool twice;
    bool shrinks;
    bool one_failure;   /* begins no more seeds after the first that failed */
    const char *corpus; /* NULL: none */
};

struct sums {
    uint64_t seeds, failed, unlike;
    uint64_t machines, written, refused;
    int64_t lived_ms, healed_ms, healed_most_ms;
    uint64_t faults[FAULT_KINDS];
    struct network_counts network;
};

static void add_result(struct sums *s, const struct result *r)
{
    s->seeds++;
    s->failed += r->failed;
    s->machines += (uint64_t)r->machines;
    s->written += r->written;
    s->refused += r->refused;
    s->lived_ms += r->machines * (r->lived_ms / 1000);
    s->healed_ms += r->healed_ms;
    if (r->healed_ms > s->healed_most_ms) {
        s->healed_most_ms = r->healed_ms;
    }
    for (size_t f = 0; f < FAULT_KINDS; f++) {
        s->faults[f] += r->faults[f];
    }
    s->network.frames += r->network.frames;
    s->network.dropped += r->network.dropped;
    s->network.repeated += r->network.repeated;
    s->network.reordered += r->network.reordered;
    s->network.damaged += r->network.damaged;
}

static void print_sums(const struct sums *s)
{
    printf("%" PRIu64 " seeds, %" PRIu64 " failed; %" PRIu64 " machines, %.1f "
           "machine-days, %" PRIu64 " rows written, %" PRIu64
           " writes refused\n",
           s->seeds, s->failed, s->machines, (double)s->lived_ms / 86400.0,
           s->written, s->refused);
    printf("quiet again after %.1f minutes on average, %.1f at most\n",
           s->seeds == 0 ? 0.0
                         : (double)s->healed_ms / 60000.0 / (double)s->seeds,
           (double)s->healed_most_ms / 60000.0);
    printf("%" PRIu64 " frames, of them %" PRIu64 " lost, %" PRIu64
           " repeated, %" PRIu64 " reordered, %" PRIu64 " damaged\nfaults:",
           s->network.frames, s->network.dropped, s->network.repeated,
           s->network.reordered, s->network.damaged);
    for (size_t f = 0; f < FAULT_KINDS; f++) {
        printf(" %s %" PRIu64, fault_names[f], s->faults[f]);
    }
    printf("\n");
}

static bool goes_on(const struct asked *a, const struct sums *s, uint64_t begun,
                    time_t end)
{
    if (a->one_failure && s->failed > 0) {
        return false;
    }
    if (a->seconds > 0) {
        return time(NULL) < end;
    }
    return begun < a->count;
}

/* The same seed is the same story, byte for byte, alone or beside its kin. */
static void live_again(const struct plan *plan, const struct result *r,
                       struct sums *s)
{
    struct result again = run_plan(plan, false);
    s->unlike += again.trace != r->trace;
    printf("the second time %" PRIu64 " was %s story\n", plan->seed,
           again.trace == r->trace ? "the same" : "ANOTHER");
}

static void take_result(struct plan plan, const struct result *r,
                        const struct asked *a, struct sums *s)
{
    plan.seed = r->seed;
    add_result(s, r);
    if (r->failed) {
        tell_failure(plan, *r, a->shrinks);
    }
    if (a->twice) {
        live_again(&plan, r, s);
    }
}

static void finish_one(struct job *jobs, const struct asked *a, struct sums *s)
{
    int status;
    struct result r[KIN_SEEDS];
    pid_t pid = wait(&status);
    for (int i = 0; i < a->jobs; i++) {
        if (jobs[i].pid == pid) {
            size_t count = end_job(&jobs[i], status, r);
            for (size_t k = 0; k < count; k++) {
                take_result(jobs[i].kin.plan, &r[k], a, s);
            }
        }
    }
}

/* The seeds from this one on that have its beginning, as many as are asked for. */
static struct kin kin_from(const struct asked *a, const struct plan *plan,
                           uint64_t begun, time_t end)
{
    struct kin kin = {
        .plan = *plan,
        .count = 1,
        .one_failure = a->one_failure,
        .end = a->seconds > 0 ? end : 0,
    };
    uint64_t most = a->seconds > 0 ? KIN_SEEDS : a->count - begun;
    while (kin.count < most &&
           beginning_of(plan->seed + kin.count) == beginning_of(plan->seed)) {
        kin.count++;
    }
    return kin;
}

static void run_many(const struct asked *a, struct sums *s)
{
    static struct job jobs[JOBS_MAX];
    struct plan plan = a->plan;
    time_t end = time(NULL) + a->seconds;
    uint64_t begun = 0;
    int running = 0;
    while (running > 0 || goes_on(a, s, begun, end)) {
        for (int i = 0; i < a->jobs && goes_on(a, s, begun, end); i++) {
            if (jobs[i].pid == 0) {
                struct kin kin = kin_from(a, &plan, begun, end);
                begin_job(&jobs[i], &kin, false);
                plan.seed += kin.count;
                begun += kin.count;
                running++;
            }
        }
        finish_one(jobs, a, s);
        running--;
    }
}

static void run_one(const struct asked *a, struct sums *s)
{
    struct result r = run_plan(&a->plan, a->traces);
    take_result(a->plan, &r, a, s);
}

/* --- arguments ------------------------------------------------------------------------------ */

static const char usage[] =
    "usage: sim [OPTION...]\n"
    "  --corpus FILE   first through the plans of its lines, each the options\n"
    "                  that a failure was printed with\n"
    "  --seed N        live through this seed only\n"
    "  --seeds N       through so many, from --first on (100)\n"
    "  --seconds N     through as many as there is time for\n"
    "  --first N       the first seed (1)\n"
    "  --jobs N        so many at once (2)\n"
    "  --machines N    instead of what the seed draws\n"
    "  --steps N       the same\n"
    "  --without LIST  faults that do not happen, with commas between\n"
    "  --trace         print what happens\n"
    "  --twice         live through each seed once more, alone, and compare\n"
    "  --no-shrink     leave what fails as it is\n"
    "  --one-failure   begin no more seeds when one has failed\n";

static noreturn void misuse(const char *what)
{
    (void)fprintf(stderr, "sim: %s\n%s", what, usage);
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end = NULL;
    uint64_t n = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        misuse("not a number");
    }
    return n;
}

static unsigned fault_list(char *list)
{
    unsigned bits = 0;
    char *rest = NULL;
    for (char *name = strtok_r(list, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest)) {
        size_t f = 0;
        while (f < FAULT_KINDS && strcmp(fault_names[f], name) != 0) {
            f++;
        }
        if (f == FAULT_KINDS) {
            misuse("no such fault");
        }
        bits |= 1U << f;
    }
    return bits;
}

static const struct option options[] = {
    {"seed", required_argument, NULL, 's'},
    {"seeds", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 't'},
    {"first", required_argument, NULL, 'f'},
    {"jobs", required_argument, NULL, 'j'},
    {"machines", required_argument, NULL, 'm'},
    {"steps", required_argument, NULL, 'k'},
    {"without", required_argument, NULL, 'w'},
    {"trace", no_argument, NULL, 'v'},
    {"twice", no_argument, NULL, '2'},
    {"no-shrink", no_argument, NULL, 'x'},
    {"one-failure", no_argument, NULL, 'o'},
    {"corpus", required_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
};

static void take_option(struct asked *a, int option)
{
    switch (option) {
    case 's':
        a->one = true;
        a->plan.seed = number(optarg);
        break;
    case 'n':
        a->count = number(optarg);
        break;
    case 't':
        a->seconds = (int64_t)number(optarg);
        break;
    case 'f':
        a->plan.seed = number(optarg);
        break;
    case 'j':
        a->jobs = (int)number(optarg);
        break;
    case 'm':
        a->plan.machines = (int)number(optarg);
        break;
    case 'k':
        a->plan.steps = (int)number(optarg);
        break;
    case 'w':
        a->plan.without = fault_list(optarg);
        break;
    case 'v':
        a->traces = true;
        break;
    case '2':
        a->twice = true;
        break;
    case 'x':
        a->shrinks = false;
        break;
    case 'o':
        a->one_failure = true;
        break;
    case 'c':
        a->corpus = optarg;
        break;
    default:
        misuse("unknown option");
    }
}

static void take_options(struct asked *a, int argc, char **argv)
{
    int option;
    optind = 0; /* anew */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        take_option(a, option);
    }
    if (optind < argc || a->jobs < 1 || a->jobs > JOBS_MAX ||
        a->plan.machines > SIM_MACHINES_MAX) {
        misuse("cannot do that");
    }
}

/* --- seeds that failed once ------------------------------------------------ */

static void run_line(char *line, const struct asked *a, struct sums *s)
{
    char *words[32] = {"sim"};
    int count = 1;
    char *rest = NULL;
    line[strcspn(line, "#\n")] = '\0';
    for (char *word = strtok_r(line, " ", &rest); word != NULL && count < 31;
         word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    struct asked one = *a;
    one.one = false;
    if (count == 1) {
        return;
    }
    take_options(&one, count, words);
    if (!one.one) {
        misuse("a line of the corpus names no seed");
    }
    run_one(&one, s);
}

static void run_corpus(const struct asked *a, struct sums *s)
{
    char line[LINE_BYTES];
    FILE *f = fopen(a->corpus, "r");
    if (f == NULL) {
        perror(a->corpus);
        exit(2);
    }
    while (fgets(line, sizeof line, f) != NULL) {
        run_line(line, a, s);
    }
    if (ferror(f)) {
        perror(a->corpus);
        exit(2);
    }
    (void)fclose(f);
}

int main(int argc, char **argv)
{
    struct asked a = {.plan.seed = 1, .count = 100, .jobs = 2, .shrinks = true};
    struct sums s = {.seeds = 0};
    take_options(&a, argc, argv);
    if (a.corpus != NULL) {
        run_corpus(&a, &s);
    }
    if (a.one) {
        run_one(&a, &s);
    } else {
        run_many(&a, &s);
    }
    print_sums(&s);
    return s.failed + s.unlike == 0 ? 0 : 1;
}
