/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Deadlines and durations use the boot-time clock, which counts suspend and never jumps. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* No deadline. */
#define CLOCK_NEVER INT64_MAX

/* Milliseconds on CLOCK_BOOTTIME: comparable between processes of one machine. */
int64_t clock_boot_ms(void);

/* Seconds since 1970 (CLOCK_REALTIME): for iat, exp, auth_time and certificates only. */
int64_t clock_real_s(void);

/* Milliseconds left until a boot-time deadline, at least 0, at most INT_MAX: fit for poll(). */
int clock_left_ms(int64_t deadline_ms);

/* Tests only: freeze both clocks at these values; a negative value gives the real clock back. */
void clock_fake(int64_t boot_ms, int64_t real_s);

#endif
