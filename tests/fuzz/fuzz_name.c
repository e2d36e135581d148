/* SPDX-License-Identifier: Apache-2.0 */
/* How any text sounds: like itself, within the limits, without letters that are
 * no sounds. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/limits.h"
#include "protocol/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes sound = {0};
    struct bytes key = {0};
    char *text = calloc(size + 1, 1);
    if (text == NULL) {
        abort();
    }
    memcpy(text, data, size);
    name_sound(text, &sound);
    assert(sound.len <= NAME_PARTS_MAX * (NAME_PART_BYTES_MAX + 1));
    for (size_t i = 0; i < sound.len; i++) {
        uint8_t c = sound.data[i];
        assert(c == ' ' || (c >= 'a' && c <= 'z') || c >= 0x80);
        assert(c != 'w' && c != 'z');
    }
    bool alike = name_sounds_like(text, text);
    assert(alike == (sound.len > 0));
    (void)alike;
    const struct name_facts facts = {
        .given = text, .parent = text, .sex = "male", .birth_year = 1990};
    bool made = name_key(&facts, &key);
    assert(made == (sound.len > 0));
    bool made2 = name_key2(&facts, &key);
    assert(made2 == made);
    (void)made;
    (void)made2;
    bytes_free(&key);
    bytes_free(&sound);
    free(text);
    return 0;
}
