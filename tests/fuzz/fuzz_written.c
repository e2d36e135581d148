/* SPDX-License-Identifier: Apache-2.0 */
/* Days, times, numbers and ages from any text: what is read can be printed, a day
 * that is printed reads as itself, and an age is nobody's birth to come. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "node/written.h"
#include "protocol/instant.h"
#include "protocol/limits.h"

static void check_day(const char *text, const struct written_days *how)
{
    struct err e = {0};
    struct bytes printed = {0};
    int64_t day = 0;
    int64_t again = 0;
    int32_t time_s = 0;
    if (written_day_and_time(text, how, &day, &time_s, &e) != 0) {
        assert(e.text[0] != '\0');
        return;
    }
    assert(time_s >= -1 && time_s < 24 * 60 * 60);
    bool good = instant_print_day(day, &printed);
    bytes_put_u8(&printed, '\0');
    int rc = written_day((const char *)printed.data, how, &again, &e);
    assert(good && rc == 0 && again == day);
    (void)good;
    (void)rc;
    bytes_free(&printed);
}

static void check_number(const char *text)
{
    char printed[WRITTEN_NUMBER_BYTES];
    struct written_number n;
    struct written_number again;
    struct err e = {0};
    if (written_number(text, "mg", &n, &e) != 0 ||
        written_times(n, (struct written_number){25, 1}, &n, &e) != 0) {
        assert(e.text[0] != '\0');
        return;
    }
    written_print(n, printed);
    assert(strlen(printed) < sizeof printed);
    if (written_number(printed, NULL, &again, &e) == 0) {
        assert(again.digits == n.digits && again.places == n.places);
    }
}

static void check_age(const char *text)
{
    enum { DAY = 20089 }; /* 2025-01-01 */
    struct err e = {0};
    int years = -1;
    if (written_age(text, &years, &e) != 0) {
        assert(e.code == ERR_INPUT && e.text[0] != '\0' && years == -1);
        return;
    }
    assert(years >= 0 && years <= AGE_YEARS_MAX);
    assert(written_birth_year(DAY, years) == 2025 - years - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {data, size};
    const struct written_days how = {
        .order = (enum written_order)(fuzz_u8(&in) % 3),
        .century = fuzz_u8(&in) % 2 == 0 ? 0 : 1930,
    };
    int32_t time_s = 0;
    struct err e = {0};
    char *text = calloc(1, in.len + 1);
    if (text == NULL) {
        abort();
    }
    if (in.len > 0) {
        memcpy(text, in.data, in.len);
    }
    check_day(text, &how);
    check_number(text);
    check_age(text);
    assert(written_time(text, &time_s, &e) != 0 || time_s < 24 * 60 * 60);
    free(text);
    return 0;
}
