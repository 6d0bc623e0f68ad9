/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

static int64_t fake_boot_ms = -1;
static int64_t fake_real_s = -1;

int64_t clock_boot_ms(void)
{
    struct timespec ts;

    if (fake_boot_ms >= 0)
        return fake_boot_ms;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_real_s(void)
{
    struct timespec ts;

    if (fake_real_s >= 0)
        return fake_real_s;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec;
}

int clock_left_ms(int64_t deadline_ms)
{
    int64_t left;

    if (deadline_ms == CLOCK_NEVER)
        return INT_MAX;
    left = deadline_ms - clock_boot_ms();
    if (left <= 0)
        return 0;
    return left < INT_MAX ? (int)left : INT_MAX;
}

void clock_fake(int64_t boot_ms, int64_t real_s)
{
    fake_boot_ms = boot_ms;
    fake_real_s = real_s;
}
