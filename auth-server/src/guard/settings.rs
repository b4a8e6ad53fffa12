//! The settings of all limits.

use ambient::Reader;

use super::{Budget, Ladder, Rate, TrustedProxies};

/// How often what may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// The proxies that are believed about where a request comes from.
    pub proxies: TrustedProxies,
    /// Registrations of one address.
    pub register: Rate,
    /// New clients that are kept, of all addresses.
    pub clients: Rate,
    /// Authorizations begun by one address, and as many logins at identity providers.
    pub authorize: Rate,
    /// Client documents that one address makes the server fetch.
    pub documents: Rate,
    /// Codes of devices entered from one address, right or wrong.
    pub user_codes: Rate,
    /// Token requests of one address.
    pub token: Rate,
    /// Requests of one address with wrong credentials.
    pub refused: Rate,
    /// The pauses after failed logins to one account.
    pub account_ladder: Ladder,
    /// The pauses after failed logins from one address.
    pub address_ladder: Ladder,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            proxies: TrustedProxies::default(),
            register: Rate::new(300, 3600),
            clients: Rate::new(20_000, 86_400),
            authorize: Rate::new(300, 60),
            documents: Rate::new(30, 60),
            // While a thousand devices wait, guessing without a pause finds one of their 20^8 codes in
            // sixteen years.
            user_codes: Rate::new(30, 600),
            // Hosts such as claude.ai refresh the tokens of all their users from few addresses.
            token: Rate::new(6000, 60),
            refused: Rate::new(60, 60),
            // Anybody can lock an account, so nobody can for long.
            account_ladder: Ladder::new([(7, 60), (10, 300), (15, 900)]),
            address_ladder: Ladder::new([(7, 60), (10, 600), (15, 900), (20, 3600), (25, 86_400)]),
        }
    }
}

impl GuardSettings {
    /// How often this may be done; none if there is no limit.
    pub(super) fn rate(&self, budget: Budget) -> Option<Rate> {
        let rate = match budget {
            Budget::Registration => self.register,
            Budget::NewClient => self.clients,
            // A login belongs to an authorization, or to somebody who looks at what was authorized.
            Budget::Authorization | Budget::Login => self.authorize,
            Budget::Document => self.documents,
            Budget::UserCode => self.user_codes,
            Budget::Token => self.token,
            Budget::WrongCredentials => self.refused,
        };
        (rate.count > 0).then_some(rate)
    }

    /// Reads them.
    pub(crate) fn read(read: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let proxies = read
            .setting(
                "AUTH_TRUSTED_PROXIES",
                "Addresses or networks of proxies whose X-Forwarded-For is believed, comma separated.",
            )
            .optional()
            .unwrap_or_default();
        let mut rate = |name, meaning, default: Rate| read.setting(name, meaning).or(default);
        Self {
            proxies,
            register: rate(
                "AUTH_LIMIT_REGISTER",
                "Registrations of one address, COUNT/SECONDS; 0 is no limit. Loopback has none.",
                default.register,
            ),
            clients: rate(
                "AUTH_LIMIT_CLIENTS",
                "New clients kept in Redis, of all addresses, COUNT/SECONDS; 0 is no limit.",
                default.clients,
            ),
            authorize: rate(
                "AUTH_LIMIT_AUTHORIZE",
                "Authorizations begun by one address, and as many logins, COUNT/SECONDS; 0 is no limit.",
                default.authorize,
            ),
            documents: rate(
                "AUTH_LIMIT_DOCUMENTS",
                "Client documents fetched for one address, COUNT/SECONDS; 0 is no limit.",
                default.documents,
            ),
            user_codes: rate(
                "AUTH_LIMIT_USER_CODES",
                "Codes of devices entered from one address, COUNT/SECONDS; 0 is no limit.",
                default.user_codes,
            ),
            token: rate(
                "AUTH_LIMIT_TOKEN",
                "Token requests of one address, COUNT/SECONDS; 0 is no limit.",
                default.token,
            ),
            refused: rate(
                "AUTH_LIMIT_REFUSED",
                "Requests of one address with wrong credentials, COUNT/SECONDS; 0 is no limit.",
                default.refused,
            ),
            account_ladder: read
                .setting(
                    "AUTH_LADDER_ACCOUNT",
                    "Pauses after failed logins to one account, FAILURES:SECONDS; 0 is none.",
                )
                .or(default.account_ladder),
            address_ladder: read
                .setting(
                    "AUTH_LADDER_ADDRESS",
                    "Pauses after failed logins from one address, FAILURES:SECONDS; 0 is none.",
                )
                .or(default.address_ladder),
        }
    }
}
