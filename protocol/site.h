/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Site: the name of a place a node writes for (ref_site.site_id), such as
 * PB-LDH-C01. It stands in file names, logs and configuration, hence the few
 * characters it may have.
 */
#ifndef SANGAM_SITE_H
#define SANGAM_SITE_H

#include "bytes.h"

/* 1 to SITE_BYTES_MAX of A-Z, a-z, 0-9, '.', '_' and '-'. */
bool site_name_is_valid(struct slice name);

#endif
