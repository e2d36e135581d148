/* SPDX-License-Identifier: Apache-2.0 */
/* A mapping file from any bytes: an error names the place; what is read has
 * what plan.h relies on. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "node/map.h"

static void check_column(const struct map_column *c)
{
    int sources = (c->from_count > 0) + (c->value != NULL) + (c->of != NULL);
    assert(sources == 1 || (sources == 0 && c->takes_number));
    assert(c->find_table != NULL || (c->of == NULL && c->where_count == 0));
    assert((c->person == MAP_PERSON_REGISTER) == (c->person_register != NULL));
    int days = (c->on.text != NULL) + (c->on_day != NULL);
    assert(days == (c->part == MAP_AGE));
    assert(c->days.century == 0 || c->days.century >= 1000);
    for (size_t i = 0; i < c->code_count; i++) {
        assert(c->codes[i].theirs[0] != '\0');
    }
    (void)sources;
    (void)days;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct map *map = NULL;
    struct err e = {0};
    if (map_read(fuzz_file(data, size), &map, &e) != 0) {
        assert(e.code == ERR_INPUT && e.text[0] != '\0');
        return 0;
    }
    assert(map->table != NULL && map->name != NULL && map->header >= 1);
    for (size_t i = 0; i < map->column_count; i++) {
        check_column(&map->columns[i]);
    }
    map_destroy(&map);
    return 0;
}
