/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Service: what the daemon tells the service manager (sd_notify(3)). Without
 * systemd, at build time or at run time, it tells nobody.
 */
#ifndef SANGAM_SERVICE_H
#define SANGAM_SERVICE_H

#include <stdint.h>

void service_ready(void);
void service_stopping(void);
/* One line for `systemctl status`. */
void service_status(const char *text);
/* Still alive. */
void service_alive(void);
/* How often service_alive() is wanted at least; INT64_MAX: never. */
int64_t service_alive_ms(void);

#endif
