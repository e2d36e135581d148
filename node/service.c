/* SPDX-License-Identifier: Apache-2.0 */
#include "node/service.h"

#if SANGAM_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#if SANGAM_SYSTEMD

void service_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void service_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void service_status(const char *text)
{
    (void)sd_notifyf(0, "STATUS=%s", text);
}

void service_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

int64_t service_alive_ms(void)
{
    uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) <= 0) {
        return INT64_MAX;
    }
    return (int64_t)(limit_us / 1000 / 2);
}

#else

void service_ready(void)
{
}

void service_stopping(void)
{
}

void service_status(const char *text)
{
    (void)text;
}

void service_alive(void)
{
}

int64_t service_alive_ms(void)
{
    return INT64_MAX;
}

#endif
