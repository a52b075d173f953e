//! What an answer means, as far as its status tells.
//!
//! The status alone is a coarse witness: the vendor says "out of credit" with a 400 (docs/facts.md#errors). A class is
//! written to the ledger and shown; nothing about a credential is decided by it.

/// What an answer means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use]
pub struct Verdict {
    class: Class,
}

/// The classes of answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// 2xx, and a stream that reached its end.
    Ok,
    /// Another 4xx: the request as it was sent. Also some account errors, which only the body tells.
    Request,
    /// 401: the credential is not accepted.
    Authentication,
    /// 402: a payment problem.
    Billing,
    /// 403: the credential may not do this.
    Permission,
    /// 404: no such path or model, or none for this credential.
    NotFound,
    /// 429: a limit of any kind.
    RateLimited,
    /// 529, and `overloaded_error` in a stream.
    Overloaded,
    /// Another 5xx, an error inside a stream, or a status that no API answers with.
    Upstream,
    /// A stream that ended before its end.
    Cut,
    /// Nothing came back at all.
    NoAnswer,
}

impl Verdict {
    /// Classes an answer by its status.
    pub fn of_status(status: u16) -> Self {
        let class = match status {
            200..=299 => Class::Ok,
            401 => Class::Authentication,
            402 => Class::Billing,
            403 => Class::Permission,
            404 => Class::NotFound,
            429 => Class::RateLimited,
            529 => Class::Overloaded,
            400..=499 => Class::Request,
            _ => Class::Upstream,
        };
        Self { class }
    }

    /// Classes a request that nobody answered: no connection, or none that lasted until a status.
    pub fn no_answer() -> Self {
        Self {
            class: Class::NoAnswer,
        }
    }

    /// Classes a stream that began with 200, by whether it reached its last event and by the error in it, if one was.
    pub fn of_stream_end(complete: bool, error_type: Option<&str>) -> Self {
        let class = match error_type {
            Some("invalid_request_error" | "request_too_large") => Class::Request,
            Some("authentication_error") => Class::Authentication,
            Some("billing_error") => Class::Billing,
            Some("permission_error") => Class::Permission,
            Some("not_found_error") => Class::NotFound,
            Some("rate_limit_error") => Class::RateLimited,
            Some("overloaded_error") => Class::Overloaded,
            Some(_) => Class::Upstream,
            None if complete => Class::Ok,
            None => Class::Cut,
        };
        Self { class }
    }

    /// The class.
    pub fn class(self) -> Class {
        self.class
    }

    /// Names the class in one word for the ledger, such as `rate_limited`.
    pub fn name(self) -> &'static str {
        match self.class {
            Class::Ok => "ok",
            Class::Request => "request",
            Class::Authentication => "authentication",
            Class::Billing => "billing",
            Class::Permission => "permission",
            Class::NotFound => "not_found",
            Class::RateLimited => "rate_limited",
            Class::Overloaded => "overloaded",
            Class::Upstream => "upstream",
            Class::Cut => "cut",
            Class::NoAnswer => "no_answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_classed() {
        for (status, name) in [
            (200, "ok"),
            (299, "ok"),
            (302, "upstream"),
            (400, "request"),
            (401, "authentication"),
            (402, "billing"),
            (403, "permission"),
            (404, "not_found"),
            (413, "request"),
            (429, "rate_limited"),
            (500, "upstream"),
            (529, "overloaded"),
            (0, "upstream"),
        ] {
            assert_eq!(Verdict::of_status(status).name(), name, "{status}");
        }
        assert_eq!(Verdict::no_answer().name(), "no_answer");
    }

    #[test]
    fn the_end_of_a_stream_is_classed() {
        for (complete, error, name) in [
            (true, None, "ok"),
            (false, None, "cut"),
            (false, Some("overloaded_error"), "overloaded"),
            (true, Some("overloaded_error"), "overloaded"),
            (false, Some("api_error"), "upstream"),
            (false, Some("rate_limit_error"), "rate_limited"),
        ] {
            assert_eq!(
                Verdict::of_stream_end(complete, error).name(),
                name,
                "{complete} {error:?}"
            );
        }
    }
}
