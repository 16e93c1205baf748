//! TLS as the host trusts it: its bundle of roots, or what the task gives.

use super::Settings;
use crate::host::{Host, HostError, HostResult, Kind};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, CipherSuite, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    SupportedCipherSuite,
};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Where distributions keep the bundle of the roots that they trust.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// Where single roots lie on a host without a bundle.
const DIRECTORY: &str = "/etc/ssl/certs";

/// How to speak TLS by these settings.
pub(super) fn config(host: &Host<'_>, settings: &Settings) -> HostResult<Arc<ClientConfig>> {
    let provider = Arc::new(provider(&settings.ciphers)?);
    let wrong = |why: rustls::Error| HostError::other(format!("TLS can't be set up: {why}"));
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().map_err(wrong)?;
    let verifier: Arc<dyn ServerCertVerifier> = if settings.validate_certs {
        let roots = roots(host, settings)?;
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
            .build()
            .map_err(|why| HostError::other(format!("the CA certificates can't be used: {why}")))?;
        Arc::new(Trusting { inner, roots })
    } else {
        Arc::new(Unverified(provider))
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let config = match &settings.client_cert {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let chain = certificates(host, path)?;
            let key_path = settings.client_key.as_ref().unwrap_or(path);
            let key = PrivateKeyDer::from_pem_slice(&host.files.read(key_path)?).map_err(|why| {
                let encrypted = "a key with a passphrase can't be used";
                HostError::other(format!(
                    "{} holds no private key in PEM form ({why}; {encrypted})",
                    key_path.display()
                ))
            })?;
            builder.with_client_auth_cert(chain, key).map_err(|why| {
                HostError::other(format!(
                    "the client's certificate {} and key {} don't work: {why}",
                    path.display(),
                    key_path.display()
                ))
            })?
        }
    };
    Ok(Arc::new(config))
}

fn certificates(host: &Host<'_>, path: &Path) -> HostResult<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(&host.files.read(path)?).filter_map(Result::ok).collect();
    if found.is_empty() {
        return Err(HostError::other(format!("{} holds no certificate in PEM form", path.display())));
    }
    Ok(found)
}

/// All certificates of a directory.
fn certificates_in(host: &Host<'_>, directory: &Path) -> HostResult<Vec<CertificateDer<'static>>> {
    let mut found: Vec<CertificateDer<'static>> = Vec::new();
    for name in host.files.list(directory)? {
        let path = directory.join(name);
        if host.files.stat(&path, true)?.is_some_and(|stat| stat.kind == Kind::File) {
            // Other files may lie there too. Each certificate often lies there by several names.
            found.extend(CertificateDer::pem_slice_iter(&host.files.read(&path)?).filter_map(Result::ok));
        }
    }
    found.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    found.dedup();
    Ok(found)
}

fn roots(host: &Host<'_>, settings: &Settings) -> HostResult<Vec<CertificateDer<'static>>> {
    let is = |path: &Path, kind| Ok(host.files.stat(path, true)?.is_some_and(|stat| stat.kind == kind));
    if let Some(path) = &settings.ca_path {
        return if is(path, Kind::Directory)? { certificates_in(host, path) } else { certificates(host, path) };
    }
    // As OpenSSL has it: the two variables replace the places that are built in.
    let file = host.processes.variable("SSL_CERT_FILE").filter(|path| !path.is_empty());
    let directory = host.processes.variable("SSL_CERT_DIR").filter(|path| !path.is_empty());
    let mut found = Vec::new();
    if let Some(file) = &file {
        found.extend(certificates(host, Path::new(file))?);
    }
    for directory in directory.iter().flat_map(|list| list.split(':')) {
        if is(Path::new(directory), Kind::Directory)? {
            found.extend(certificates_in(host, Path::new(directory))?);
        }
    }
    if file.is_none() && directory.is_none() {
        for bundle in BUNDLES.iter().map(Path::new) {
            if is(bundle, Kind::File)? {
                return certificates(host, bundle);
            }
        }
        if is(Path::new(DIRECTORY), Kind::Directory)? {
            found = certificates_in(host, Path::new(DIRECTORY))?;
        }
    }
    if found.is_empty() {
        return Err(HostError::other(
            "this host has no CA certificates to check a server's against: install the package ca-certificates, or give \
             `ca_path`",
        ));
    }
    Ok(found)
}

/// Checks servers as browsers do, and takes besides a certificate that is itself among the roots: a self-signed one that
/// the user names as its own CA, which is no mistake of theirs.
#[derive(Debug)]
struct Trusting {
    inner: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // That it is a CA is found out after its dates were found right.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
                if other.0.to_string().contains("CaUsedAsEndEntity") && self.roots.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// `validate_certs: false`: any certificate will do.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A failed handshake in words that tell what to do.
pub(super) fn explained(error: &io::Error) -> String {
    let rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let text = error.to_string();
    match rustls {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate is issued by none of the CAs that this host trusts; give that CA's certificate as `ca_path`, \
             or install it on the host"
                .to_owned()
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
            if other.0.to_string().contains("CaUsedAsEndEntity") =>
        {
            "its certificate is self-signed; give that certificate as `ca_path`, or install it on the host".to_owned()
        }
        _ if error.kind() == io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
        _ => text,
    }
}

/// What rustls can do, less what `ciphers` takes away.
fn provider(ciphers: &[String]) -> HostResult<CryptoProvider> {
    let mut provider = ring::default_provider();
    let list = ciphers.join(":");
    if !list.is_empty() {
        let chosen = chosen(&list, &provider.cipher_suites)?;
        provider.cipher_suites = chosen;
    }
    Ok(provider)
}

/// The suites that a list in OpenSSL's form leaves, best first. TLS 1.3 has its own suites, which such a list does not
/// speak of.
fn chosen(list: &str, all: &[SupportedCipherSuite]) -> HostResult<Vec<SupportedCipherSuite>> {
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
        return Err(HostError::other(format!(
            "`ciphers`: {list:?} leaves none of the ciphers of TLS 1.2 that this program has, which are ECDHE with AES-GCM or \
             CHACHA20-POLY1305"
        )));
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
        let refused = chosen("DHE-RSA-AES256-SHA:RC4", &all).unwrap_err().to_string();
        assert!(refused.contains("RC4"), "{refused}");
        assert_eq!(chosen("HIGH", &all).unwrap().len(), all.len(), "the suites of TLS 1.3 stay");
    }
}
