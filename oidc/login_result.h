/* SPDX-License-Identifier: Apache-2.0 */
/* The "login" object of base/proto.h. */
#ifndef OIDC_LOGIN_RESULT_H
#define OIDC_LOGIN_RESULT_H

#include "oidc/login.h"

/*
 * Settles who logged in, stores the session (which takes the tokens over) and gives the result.
 * CPS_ID_TOKEN_REJECTED, reason "subject": no usable SubjectNameID; "userinfo_subject": UserInfo
 * names another person than the ID token.
 */
cps_error login_result(struct login *login, json_t *userinfo, json_t **ret_result,
                       struct fail *fail);

#endif
