/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the program that tortures a PKCS#11 module share. */
#ifndef TESTS_TORTURE_H
#define TESTS_TORTURE_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

/* Says what is wrong and ends the program, unless ok. */
void expect(bool ok, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* The same for a return value. */
void expect_rv(CK_RV rv, CK_RV wanted, const char *what);

/* The module, initialized; and the handle of what it has in slot 0. */
struct subject {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;         /* authentication */
    CK_OBJECT_HANDLE certificate; /* of the same */
};

/* A session of slot 0 and its objects; false when there is no token. */
bool subject_open(struct subject *subject);

/* The object of that class and label, or 0. */
CK_OBJECT_HANDLE subject_find(const struct subject *subject, CK_OBJECT_CLASS class,
                              const char *label);

/* Signs 51 bytes with the authentication key; the signature has 256 bytes. */
CK_RV subject_sign(const struct subject *subject);

/* Tells the test that the program has come to that point, and waits until it may go on. */
void sync_with_test(const char *point);

/* Every function with every kind of wrong argument. */
void torture_uninitialized(CK_FUNCTION_LIST *f);
void torture_arguments(struct subject *subject);

/* What the functions promise one after the other. */
void torture_sequences(struct subject *subject);
void torture_signature(struct subject *subject);

#endif
