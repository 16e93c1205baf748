//! Lists of ciphers in OpenSSL's form.

use rustls::{CipherSuite, SupportedCipherSuite};

/// The suites that a list in OpenSSL's form leaves, best first. TLS 1.3 has its own suites, which such a list does not
/// speak of.
pub fn chosen(list: &str, all: &[SupportedCipherSuite]) -> Result<Vec<SupportedCipherSuite>, String> {
    let mut kept: Vec<SupportedCipherSuite> = Vec::new();
    let mut never: Vec<CipherSuite> = Vec::new();
    let words = list.split([':', ',', ' ']).filter(|word| !word.is_empty() && !word.starts_with('@'));
    for word in words {
        let (operator, name) = match word.chars().next() {
            Some(operator @ ('!' | '-' | '+')) => (operator, &word[1..]),
            _ => (' ', word),
        };
        let named: Vec<_> = all
            .iter()
            .filter(|suite| names(suite.suite()).is_some_and(|names| matches(&names, name)))
            .copied()
            .collect();
        match operator {
            '!' => {
                never.extend(named.iter().map(SupportedCipherSuite::suite));
                kept.retain(|suite| !named.contains(suite));
            }
            '-' => kept.retain(|suite| !named.contains(suite)),
            // "+" only puts them last.
            '+' => {}
            _ => {
                for suite in named {
                    if !kept.contains(&suite) && !never.contains(&suite.suite()) {
                        kept.push(suite);
                    }
                }
            }
        }
    }
    if kept.is_empty() {
        return Err(format!(
            "`ciphers`: {list:?} leaves none of the ciphers of TLS 1.2 that this program has, which are ECDHE with AES-GCM or \
             CHACHA20-POLY1305"
        ));
    }
    let newest = all.iter().filter(|suite| names(suite.suite()).is_none());
    Ok(newest.copied().chain(kept).collect())
}

/// The words that OpenSSL's lists use for a suite of TLS 1.2, its name first.
fn names(suite: CipherSuite) -> Option<Vec<&'static str>> {
    let (name, authentication, cipher): (_, _, &[&str]) = match suite {
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => {
            ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDSA", &["AES256", "AES", "AESGCM", "SHA384"])
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => {
            ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA", &["AES128", "AES", "AESGCM", "SHA256"])
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDSA", &["CHACHA20"])
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => {
            ("ECDHE-RSA-AES256-GCM-SHA384", "RSA", &["AES256", "AES", "AESGCM", "SHA384"])
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => {
            ("ECDHE-RSA-AES128-GCM-SHA256", "RSA", &["AES128", "AES", "AESGCM", "SHA256"])
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("ECDHE-RSA-CHACHA20-POLY1305", "RSA", &["CHACHA20"])
        }
        _ => return None,
    };
    let authentication: &[&str] = if authentication == "RSA" { &["aRSA"] } else { &["ECDSA", "aECDSA"] };
    let common =
        &["ALL", "DEFAULT", "COMPLEMENTOFDEFAULT", "HIGH", "TLSv1.2", "ECDH", "ECDHE", "EECDH", "kECDHE", "kEECDH"];
    Some([&[name], authentication, cipher, common].concat())
}

/// Whether a word of a list, which may combine several by `+`, means a suite.
fn matches(names: &[&str], word: &str) -> bool {
    word.split('+').all(|part| names.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::ring;

    fn left(list: &str) -> Vec<&'static str> {
        let all = ring::default_provider().cipher_suites;
        let kept = chosen(list, &all).unwrap();
        kept.iter().filter_map(|suite| names(suite.suite()).map(|names| names[0])).collect()
    }

    #[test]
    fn lists_of_openssl_choose_among_the_suites() {
        assert_eq!(left("ECDHE-RSA-AES128-GCM-SHA256"), ["ECDHE-RSA-AES128-GCM-SHA256"]);
        assert_eq!(left("@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:DHE+AES:!aNULL:!SHA1").len(), 6);
        assert_eq!(left("HIGH:!AES256:!ECDSA"), ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"]);
        assert_eq!(left("!CHACHA20:ECDHE+aRSA").len(), 2);
        let all = ring::default_provider().cipher_suites;
        let refused = chosen("DHE-RSA-AES256-SHA:RC4", &all).unwrap_err();
        assert!(refused.contains("RC4"), "{refused}");
        assert_eq!(chosen("HIGH", &all).unwrap().len(), all.len(), "the suites of TLS 1.3 stay");
    }
}
