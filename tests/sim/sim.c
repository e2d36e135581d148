/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The simulator's program: lives through seeds, each in a process of its own,
 * and makes one that fails as small as it can.
 */
#include "sim.h"

#include "check.h"
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
};

struct sim sim;

/* What became of a seed. */
struct result {
    bool failed;
    char says[LINE_BYTES];
    uint64_t trace;
    int machines;
    int64_t lived_ms;
    int64_t healed_ms;
    uint64_t written;
    uint64_t refused;
    uint64_t faults[FAULT_KINDS];
    struct network_counts network;
};

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

static noreturn void end_seed(int code)
{
    (void)fflush(stdout);
    ssize_t n = write(result_fd, &result, sizeof result);
    _exit(n == (ssize_t)sizeof result ? code : 1);
}

void sim_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(result.says, sizeof result.says, format, args);
    va_end(args);
    sim_say("FAILED: %s", result.says);
    result.failed = true;
    end_seed(1);
}

static noreturn void live(const struct plan *plan)
{
    static struct world w;
    sim.now_ms = INT64_C(1790000000000);
    sim.chance.state = plan->seed;
    /* Locks and sums that nobody needs here, a tenth of the time. */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    stand_in_for_chance();
    sim.whole = plan->seed % WHOLE_SEEDS == 0;
    sim.schema = papers_schema(sim.whole ? &schema_embedded : small_schema());
    storage_install();
    world_make(&w, plan);
    world_live(&w);
    world_heal(&w);
    check_world(&w);
    world_end(&w);
    result.trace = sim.trace;
    result.machines = w.count;
    result.lived_ms = sim.now_ms - w.began_ms;
    result.healed_ms = w.healed_ms;
    result.written = w.written_count;
    result.refused = w.sql_refused;
    result.network = network_counts;
    memcpy(result.faults, w.faults, sizeof result.faults);
    end_seed(0);
}

/* --- processes ---------------------------------------------------------------------- */

struct job {
    pid_t pid; /* 0: free */
    int fd;
    struct plan plan;
};

static void begin_job(struct job *j, const struct plan *plan, bool traces)
{
    int fds[2];
    if (pipe(fds) != 0) {
        perror("sim: no pipe");
        exit(2);
    }
    j->plan = *plan;
    (void)fflush(stdout);
    j->pid = fork();
    if (j->pid == 0) {
        (void)close(fds[0]);
        result_fd = fds[1];
        sim.traces = traces;
        (void)alarm(SEED_SECONDS_MAX);
        live(plan);
    }
    (void)close(fds[1]);
    j->fd = fds[0];
}

/* A process that ended without a word crashed: an assert, or worse. */
static void end_job(struct job *j, int status, struct result *ret)
{
    *ret = (struct result){.failed = true};
    if (read(j->fd, ret, sizeof *ret) != (ssize_t)sizeof *ret) {
        ret->failed = true;
        (void)snprintf(ret->says, sizeof ret->says, "it ended by %s",
                       WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                           : "itself, without a word");
    }
    (void)close(j->fd);
    j->pid = 0;
}

static struct result run_plan(const struct plan *plan, bool traces)
{
    struct job j;
    struct result r;
    int status;
    begin_job(&j, plan, traces);
    (void)waitpid(j.pid, &status, 0);
    end_job(&j, status, &r);
    return r;
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

/* Takes the smaller plan if it fails too. */
static bool shrink_to(struct plan *p, struct plan smaller, struct result *r)
{
    struct result now = run_plan(&smaller, false);
    if (now.failed) {
        *p = smaller;
        *r = now;
    }
    return now.failed;
}

static void shrink(struct plan *p, struct result *r)
{
    struct plan s = *p;
    if (p->steps == 0) { /* as the seed draws at most; the rest is no more */
        s.steps = 200;
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

static void finish_one(struct job *jobs, const struct asked *a, struct sums *s)
{
    int status;
    struct result r;
    pid_t pid = wait(&status);
    for (int i = 0; i < a->jobs; i++) {
        if (jobs[i].pid == pid) {
            end_job(&jobs[i], status, &r);
            add_result(s, &r);
            if (r.failed) {
                tell_failure(jobs[i].plan, r, a->shrinks);
            }
        }
    }
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
                begin_job(&jobs[i], &plan, false);
                plan.seed++;
                begun++;
                running++;
            }
        }
        finish_one(jobs, a, s);
        running--;
    }
}

/* The same seed is the same story, byte for byte. */
static void run_one(const struct asked *a, struct sums *s)
{
    struct result r = run_plan(&a->plan, a->traces);
    add_result(s, &r);
    if (r.failed) {
        tell_failure(a->plan, r, a->shrinks);
    }
    if (a->twice) {
        struct result again = run_plan(&a->plan, false);
        s->unlike += again.trace != r.trace;
        printf("the second time it was %s story\n",
               again.trace == r.trace ? "the same" : "ANOTHER");
    }
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
    "  --twice         live through the seed twice and compare\n"
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
