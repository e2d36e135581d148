/* SPDX-License-Identifier: Apache-2.0 */
#include "site.h"

#include "limits.h"

bool site_name_is_valid(struct slice name)
{
    if (name.len == 0 || name.len > SITE_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}
