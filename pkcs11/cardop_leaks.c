/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What LeakSanitizer, in a sanitized build, is not to blame cps-cardop for: OpenSC's module loses a
 * few bytes now and then. The sanitizer's runtime looks for these two names.
 */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_options(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libopensc.so\n";
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
